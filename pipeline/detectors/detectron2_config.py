"""Configurations and networks of detectron2: found, read safely, built, and filled with weights."""

import logging
import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
import yaml
from torch import nn

from dgf.pipeline.detectors.base import DetectorSpec, InputSize
from dgf.pipeline.errors import UserError, foreign_reason
from dgf.pipeline.text_files import read_whole
from dgf.pipeline.weights import WeightSource, fill_network, read_weights, seeded
from dgf.pipeline.yaml_values import check_structure

if TYPE_CHECKING:
    from detectron2.config import CfgNode

_HEADS = ("StandardROIHeads", "Res5ROIHeads")
# Heads of Mask and Keypoint R-CNN are not run; older files also keep constants that the network computes.
_UNUSED = (r"roi_heads\.(mask|keypoint)_.*", r"pixel_(mean|std)", r"proposal_generator\.anchor_generator\..*")


def require_detectron2(spec: DetectorSpec) -> None:
    """Import detectron2.

    Raises:
        UserError: It is not installed.
    """
    try:
        with warnings.catch_warnings():  # of detectron2's own age: nothing that a user could fix
            warnings.filterwarnings("ignore", message=r"pkg_resources is deprecated", category=UserWarning)
            warnings.filterwarnings("ignore", message=r".*pkg_resources", category=DeprecationWarning)
            warnings.filterwarnings("ignore", message=r".*torch\.jit", category=FutureWarning)
            warnings.filterwarnings("ignore", message=r".*torch\.jit", category=DeprecationWarning)
            import detectron2.data
            import detectron2.model_zoo
            import detectron2.modeling  # noqa: F401
    except ImportError as error:
        raise UserError(
            f"--detector {spec.spec}: detectron2 cannot be imported: {error}",
            "Install it with `make venv` in a checkout, or with `pip install --no-build-isolation "
            "'git+https://github.com/facebookresearch/detectron2.git'`; "
            "or use --detector torchvision:fasterrcnn_resnet50_fpn, which needs nothing more",
        ) from error
    # Both are said once a process, of detectron2's own code, when a photo is first read.
    logging.getLogger("torch.fx._symbolic_trace").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.meshgrid(torch.zeros(1), torch.zeros(1))


def read_detectron2_config(spec: DetectorSpec) -> "CfgNode":
    """Resolve the configuration of a Faster R-CNN.

    Beside detectron2's keys it may have `MODEL.ROI_HEADS.CLASS_NAMES`, a list.

    Raises:
        UserError: No such configuration, not a safe YAML file, or not a Faster R-CNN.
    """
    require_detectron2(spec)
    from detectron2.config import get_cfg

    path = _config_file(spec)
    config = get_cfg()
    config.MODEL.ROI_HEADS.CLASS_NAMES = []
    try:
        _check_bases(path)
        config.merge_from_file(str(path), allow_unsafe=False)
    # It checks some values by assertions, and evaluates others as literals.
    except UserError:
        raise
    except Exception as error:
        reason = foreign_reason(error)
        raise UserError(
            f"{path}: not a configuration of detectron2: {reason}", "Compare it with one of the zoo"
        ) from error
    model = config.MODEL
    kind = (model.META_ARCHITECTURE, model.PROPOSAL_GENERATOR.NAME, model.ROI_HEADS.NAME)
    if kind[:2] != ("GeneralizedRCNN", "RPN") or kind[2] not in _HEADS:
        raise UserError(
            f"--detector {spec.spec}: not a Faster R-CNN ({', '.join(map(str, kind))})",
            "Take a COCO-Detection/faster_rcnn_* configuration",
        )
    sizes = (config.INPUT.MIN_SIZE_TEST, config.INPUT.MAX_SIZE_TEST)
    if not all(type(size) is int and size > 0 for size in sizes):
        fault = f"INPUT.MIN_SIZE_TEST and MAX_SIZE_TEST are {sizes[0]!r} and {sizes[1]!r}"
        raise UserError(f"{path}: {fault}", "Give whole numbers of pixels.")
    names = model.ROI_HEADS.CLASS_NAMES
    if not names:
        del model.ROI_HEADS["CLASS_NAMES"]  # as detectron2 prints it, so that descriptions of older folders stay true
    elif len(names) != model.ROI_HEADS.NUM_CLASSES or not all(isinstance(name, str) for name in names):
        fault = f"MODEL.ROI_HEADS.CLASS_NAMES are not {model.ROI_HEADS.NUM_CLASSES} words"
        raise UserError(f"{path}: {fault}", "Name each of its NUM_CLASSES classes, by number.")
    model.MASK_ON = model.KEYPOINT_ON = False
    model.DEVICE, model.WEIGHTS = "cpu", ""
    config.INPUT.MIN_SIZE_TEST = spec.min_size or config.INPUT.MIN_SIZE_TEST
    config.INPUT.MAX_SIZE_TEST = spec.max_size or config.INPUT.MAX_SIZE_TEST
    return config


def _config_file(spec: DetectorSpec) -> Path:
    import detectron2.model_zoo

    named = Path(spec.model).expanduser()
    if named.is_file():
        return named
    zoo = Path(detectron2.model_zoo.__file__).parent / "configs"
    in_zoo = zoo / spec.model
    if ".." not in named.parts and not named.is_absolute() and named.suffix == ".yaml" and in_zoo.is_file():
        return in_zoo
    known = sorted(str(file.relative_to(zoo)) for file in zoo.glob("COCO-Detection/faster_rcnn_*.yaml"))
    raise UserError(
        f"--detector {spec.spec}: neither a file nor a configuration (.yaml) of detectron2's zoo",
        f"The zoo has {', '.join(known)}" if known else "Give a YAML file",
    )


def _check_bases(path: Path, depth: int = 0) -> None:
    """Refuse a base configuration that would be fetched, and bases without end."""
    text = read_whole(path, 1 << 16)
    check_structure(text)
    content = yaml.safe_load(text)
    if not isinstance(content, dict):
        raise ValueError("not a mapping")
    bases = content.get("_BASE_", [])
    for base in [bases] if isinstance(bases, str) else bases:
        if not isinstance(base, str) or "://" in base or depth > 8:
            raise ValueError(f"_BASE_ {base!r} is not a local file")
        _check_bases(path.parent / Path(base).expanduser(), depth + 1)


def published_detectron2_weights(spec: DetectorSpec, name: str) -> str | None:
    """Address of the zoo's weights of this very configuration, under the name `default`."""
    if name != "default":
        return None
    import detectron2.model_zoo

    try:
        return str(detectron2.model_zoo.get_checkpoint_url(spec.model))
    except RuntimeError:
        return None


def detectron2_input_size(config: "CfgNode") -> InputSize:
    """How this network resizes photos."""
    divisor = 32 if "fpn" in config.MODEL.BACKBONE.NAME else 1
    return InputSize(config.INPUT.MIN_SIZE_TEST, config.INPUT.MAX_SIZE_TEST, divisor)


def build_detectron2_network(
    config: "CfgNode", source: WeightSource, spec: DetectorSpec, ignore: tuple[str, ...] = ()
) -> nn.Module:
    """Build the network on the CPU, seeded, and fill it from a file where one is given, less the names to `ignore`.

    Raises:
        UserError: detectron2 cannot build it, or the weights do not fit.
    """
    from detectron2.modeling import build_model

    with seeded(source):
        try:
            network: nn.Module = build_model(config)
        except Exception as error:
            raise UserError(
                f"--detector {spec.spec}: detectron2 cannot build it: {foreign_reason(error)}",
                "Deformable convolutions need detectron2's compiled part; take a configuration without them",
            ) from error
    if isinstance(source, int):
        tame_random_detectron2(network, config)
    else:
        fill_network(network, read_weights(source), source, ignore=(*_UNUSED, *ignore))
    return network


def tame_random_detectron2(network: nn.Module, config: "CfgNode") -> None:
    """Scale random weights so that a photo gets boxes.

    The frozen batch norms of an untrained ResNet normalize nothing: activations double with each block until no
    box is left in the photo. Residual branches are weakened, and inputs that are not divided by a deviation are
    brought to unit scale in the stem.
    """
    for name, value in network.state_dict().items():
        if re.search(r"\.conv3\.norm\.weight$", name):
            value.mul_(0.2)
        elif name.endswith("stem.conv1.norm.weight"):
            value.mul_(float(np.mean(config.MODEL.PIXEL_STD)) / 58.0)


def detectron2_class_names(config: "CfgNode") -> tuple[str, ...]:
    """Names that the configuration gives its classes, or has the data set it trains on; numbered where neither does."""
    from detectron2.data import MetadataCatalog

    if names := config.MODEL.ROI_HEADS.get("CLASS_NAMES"):
        return tuple(names)
    count = config.MODEL.ROI_HEADS.NUM_CLASSES
    for dataset in config.DATASETS.TRAIN:
        if dataset in MetadataCatalog.list():
            names = tuple(MetadataCatalog.get(dataset).get("thing_classes", ()))
            if len(names) == count:
                return names
    return tuple(f"class {index}" for index in range(count))
