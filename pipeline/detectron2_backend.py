"""Faster R-CNN of detectron2: any configuration of its model zoo, or of a file."""

import hashlib
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
import yaml
from PIL import Image
from torch import Tensor, nn

from dgf.pipeline import weights as weight_files
from dgf.pipeline.boxes import BestBoxes, best_boxes
from dgf.pipeline.detector import Detections, Detector, DetectorSpec, InputSize, Prepared
from dgf.pipeline.errors import UserError

if TYPE_CHECKING:
    from detectron2.config import CfgNode

PRECISION = "float32 on cpu, float16 autocast on cuda"
_HEADS = ("StandardROIHeads", "Res5ROIHeads")
# Heads of Mask and Keypoint R-CNN are not run; older files also keep constants that the network computes.
_UNUSED = (r"roi_heads\.(mask|keypoint)_.*", r"pixel_(mean|std)", r"proposal_generator\.anchor_generator\..*")


@contextmanager
def quiet_import() -> Iterator[None]:
    """Hides what detectron2's import says about its own age: nothing that a user could mend."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"pkg_resources is deprecated", category=UserWarning)
        warnings.filterwarnings("ignore", message=r".*pkg_resources", category=DeprecationWarning)
        warnings.filterwarnings("ignore", message=r".*torch\.jit", category=FutureWarning)
        warnings.filterwarnings("ignore", message=r".*torch\.jit", category=DeprecationWarning)
        yield


def require_detectron2(spec: DetectorSpec) -> None:
    """Imports detectron2.

    Raises:
        UserError: It is not installed.
    """
    try:
        with quiet_import():
            import detectron2.data
            import detectron2.model_zoo
            import detectron2.modeling  # noqa: F401
    except ImportError as error:
        raise UserError(
            f"--detector {spec.spec}: detectron2 cannot be imported: {error}",
            "Install it with `make detectron2`, or with `pip install --no-build-isolation "
            "'git+https://github.com/facebookresearch/detectron2.git'`; "
            "or use --detector torchvision:fasterrcnn_resnet50_fpn, which needs nothing more",
        ) from error


def read_config(spec: DetectorSpec) -> "CfgNode":
    """The resolved configuration of a Faster R-CNN.

    Raises:
        UserError: No such configuration, not a safe YAML file, or not a Faster R-CNN.
    """
    require_detectron2(spec)
    from detectron2.config import get_cfg

    path = _config_file(spec)
    config = get_cfg()
    try:
        _check_bases(path)
        config.merge_from_file(str(path), allow_unsafe=False)
    except (yaml.YAMLError, KeyError, AssertionError, ValueError, AttributeError, OSError) as error:
        reason = " ".join(str(error).split())
        raise UserError(
            f"{path}: not a configuration of detectron2: {reason}", "Compare it with one of the zoo"
        ) from error
    model = config.MODEL
    kind = (model.META_ARCHITECTURE, model.PROPOSAL_GENERATOR.NAME, model.ROI_HEADS.NAME)
    if kind[:2] != ("GeneralizedRCNN", "RPN") or kind[2] not in _HEADS:
        raise UserError(
            f"--detector {spec.spec}: not a Faster R-CNN ({', '.join(kind)})",
            "Take a COCO-Detection/faster_rcnn_* configuration",
        )
    model.MASK_ON = model.KEYPOINT_ON = False
    model.DEVICE, model.WEIGHTS = "cpu", ""
    if spec.min_size is not None:
        config.INPUT.MIN_SIZE_TEST = spec.min_size
    if spec.max_size is not None:
        config.INPUT.MAX_SIZE_TEST = spec.max_size
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
    """Refuses a base configuration that would be fetched, and bases without end."""
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise ValueError("not a mapping")
    bases = content.get("_BASE_", [])
    for base in [bases] if isinstance(bases, str) else bases:
        if "://" in base or depth > 8:
            raise ValueError(f"_BASE_ {base!r} is not a local file")
        _check_bases(path.parent / Path(base).expanduser(), depth + 1)


def published_weights(spec: DetectorSpec, name: str) -> str | None:
    """Address of the zoo's weights of this very configuration, under the name `default`."""
    if name != "default":
        return None
    require_detectron2(spec)
    import detectron2.model_zoo

    try:
        return str(detectron2.model_zoo.get_checkpoint_url(spec.model))
    except RuntimeError:
        return None


def _resolve(spec: DetectorSpec) -> weight_files.Source:
    return weight_files.resolve(
        spec.weights, what=f"detector {spec.spec}", published=lambda name: published_weights(spec, name)
    )


def input_size(spec: DetectorSpec) -> InputSize:
    """How this detector resizes photos."""
    return _size(read_config(spec))


def _size(config: "CfgNode") -> InputSize:
    divisor = 32 if "fpn" in config.MODEL.BACKBONE.NAME else 1
    return InputSize(config.INPUT.MIN_SIZE_TEST, config.INPUT.MAX_SIZE_TEST, divisor)


def describe(spec: DetectorSpec) -> dict[str, object]:
    """What decides the output: configuration and weights by their digests."""
    config = read_config(spec)
    return {
        "model": f"detectron2:{spec.model}",
        "config": f"sha256:{hashlib.sha256(config.dump().encode()).hexdigest()}",
        "weights": weight_files.identify(_resolve(spec)),
        "regions": spec.regions,
        "features": "region map of the final box, averaged",
        "preprocessing": f"shorter edge {config.INPUT.MIN_SIZE_TEST}, at most {config.INPUT.MAX_SIZE_TEST}, "
        f"bilinear, {config.INPUT.FORMAT}",
        "precision": PRECISION,
    }


def build(spec: DetectorSpec, device: str) -> Detector:
    """Builds the network with its weights."""
    config = read_config(spec)
    source = _resolve(spec)
    network = build_network(config, source, spec)
    return Detectron2Detector(network, config, class_names(config), spec.regions, device)


def build_network(config: "CfgNode", source: weight_files.Source, spec: DetectorSpec) -> nn.Module:
    """Builds the network on the CPU, seeded, and fills it from a file where one is given."""
    from detectron2.modeling import build_model

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(source if isinstance(source, int) else 0)
        try:
            network: nn.Module = build_model(config)
        except (ImportError, KeyError, AssertionError, ValueError, RuntimeError) as error:
            raise UserError(
                f"--detector {spec.spec}: detectron2 cannot build it: {' '.join(str(error).split())}",
                "Deformable convolutions need detectron2's compiled part; take a configuration without them",
            ) from error
    if isinstance(source, int):
        tame_random(network, config)
    else:
        weight_files.fill(network, weight_files.read_state(source), source, ignore=_UNUSED)
    return network


def tame_random(network: nn.Module, config: "CfgNode") -> None:
    """Scales random weights so that a photo gets boxes.

    The frozen batch norms of an untrained ResNet normalise nothing: activations double with each block until no
    box is left in the photo. Residual branches are weakened, and inputs that are not divided by a deviation are
    brought to unit scale in the stem.
    """
    for name, value in network.state_dict().items():
        if re.search(r"\.conv3\.norm\.weight$", name):
            value.mul_(0.2)
        elif name.endswith("stem.conv1.norm.weight"):
            value.mul_(float(np.mean(config.MODEL.PIXEL_STD)) / 58.0)


def class_names(config: "CfgNode") -> tuple[str, ...]:
    """Names of the classes of the data set that the configuration trains on, numbered where it is not known."""
    from detectron2.data import MetadataCatalog

    count = config.MODEL.ROI_HEADS.NUM_CLASSES
    for dataset in config.DATASETS.TRAIN:
        if dataset in MetadataCatalog.list():
            names = tuple(MetadataCatalog.get(dataset).get("thing_classes", ()))
            if len(names) == count:
                return names
    return tuple(f"class {index}" for index in range(count))


class Detectron2Detector:
    """A Faster R-CNN of detectron2 ready to read photos. Builder: `build`."""

    def __init__(self, network: Any, config: "CfgNode", names: tuple[str, ...], regions: int, device: str) -> None:
        self.class_names = names
        self.input_size = _size(config)
        self.device = torch.device(device)
        self._network = network.eval().requires_grad_(False).to(self.device, memory_format=torch.channels_last)
        self._heads = network.roi_heads
        self._reverse = config.INPUT.FORMAT == "BGR"
        self._regions = regions
        self._nms = float(config.MODEL.ROI_HEADS.NMS_THRESH_TEST)
        self._res5 = config.MODEL.ROI_HEADS.NAME == "Res5ROIHeads"
        shapes = network.backbone.output_shape()
        if self._res5:
            self.feature_dim = int(network.roi_heads.res5[-1].out_channels)
        else:
            self.feature_dim = int(shapes[config.MODEL.ROI_HEADS.IN_FEATURES[0]].channels)

    def prepare(self, photo: npt.NDArray[np.uint8]) -> Prepared:
        """Resizes one photo as detectron2 does."""
        height, width = photo.shape[:2]
        new_height, new_width = self.input_size.resized(height, width)
        resized = Image.fromarray(photo).resize((new_width, new_height), Image.Resampling.BILINEAR)
        return Prepared(np.array(resized), (height, width))

    def detect(self, photos: Sequence[npt.NDArray[np.uint8]]) -> list[Detections]:
        """`prepare` and `detect_prepared` in one call."""
        return self.detect_prepared([self.prepare(photo) for photo in photos])

    def detect_prepared(self, batch: Sequence[Prepared]) -> list[Detections]:
        """Runs a batch in one forward: backbone, proposals, box head, and the features of the boxes kept."""
        with (
            torch.inference_mode(),
            torch.autocast(self.device.type, torch.float16, enabled=self.device.type == "cuda"),
        ):
            images = self._images(batch)
            features = self._network.backbone(images.tensor)
            proposals, _ = self._network.proposal_generator(images, features, None)
            if self._res5:
                kept, pooled = self._res5_heads(features, proposals)
            else:
                kept, pooled = self._standard_heads(features, proposals)
            return [_detections(found, grid, photo) for found, grid, photo in zip(kept, pooled, batch, strict=True)]

    def _images(self, batch: Sequence[Prepared]) -> Any:
        from detectron2.structures import ImageList

        sizes = [photo.pixels.shape[:2] for photo in batch]
        height, width = (
            -(-max(size[axis] for size in sizes) // self.input_size.divisor) * self.input_size.divisor
            for axis in (0, 1)
        )
        mean, std = self._network.pixel_mean, self._network.pixel_std
        padded = torch.zeros((len(batch), 3, height, width), device=self.device)  # (B, 3, H, W)
        padded = padded.contiguous(memory_format=torch.channels_last)
        for row, photo in zip(padded, batch, strict=True):
            pixels = torch.from_numpy(photo.pixels).to(self.device).permute(2, 0, 1)
            pixels = pixels.flip(0) if self._reverse else pixels
            torch.div(pixels - mean, std, out=row[:, : pixels.shape[1], : pixels.shape[2]])
        return ImageList(padded, sizes)

    def _standard_heads(
        self, features: dict[str, Tensor], proposals: list[Any]
    ) -> tuple[list[BestBoxes], list[Tensor]]:
        maps = [features[name] for name in self._heads.box_in_features]
        pooled = self._heads.box_pooler(maps, [found.proposal_boxes for found in proposals])
        kept = self._keep(self._heads.box_head(pooled), proposals)
        grids = self._heads.box_pooler(maps, self._boxes(kept))  # (sum n, D, 7, 7)
        return kept, list(grids.mean((2, 3)).split([len(found.boxes) for found in kept]))

    def _res5_heads(self, features: dict[str, Tensor], proposals: list[Any]) -> tuple[list[BestBoxes], list[Tensor]]:
        maps = [features[name] for name in self._heads.in_features]
        kept: list[BestBoxes] = []
        means: list[Tensor] = []
        # Photo by photo: a thousand proposals through res5 take a gigabyte.
        for index, found in enumerate(proposals):
            own = [level[index : index + 1] for level in maps]
            grids = self._heads._shared_roi_transform(own, [found.proposal_boxes])  # (P, D, 7, 7)
            kept += self._keep(grids.mean((2, 3)), [found])
            means.append(self._heads._shared_roi_transform(own, self._boxes(kept[-1:])).mean((2, 3)))
        return kept, means

    def _boxes(self, kept: list[BestBoxes]) -> list[Any]:
        from detectron2.structures import Boxes

        return [Boxes(found.boxes) for found in kept]

    def _keep(self, head: Tensor, proposals: list[Any]) -> list[BestBoxes]:
        predictor = self._heads.box_predictor
        with torch.autocast(self.device.type, enabled=False):  # box offsets want more than eleven bits
            predictions = predictor(head.float())
            boxes = predictor.predict_boxes(predictions, proposals)
            scores = predictor.predict_probs(predictions, proposals)
        return [
            best_boxes(
                box.view(len(box), -1, 4),
                score[:, :-1],  # the last class is the background
                height=found.image_size[0],
                width=found.image_size[1],
                regions=self._regions,
                nms=self._nms,
            )
            for box, score, found in zip(boxes, scores, proposals, strict=True)
        ]


def _detections(found: BestBoxes, features: Tensor, photo: Prepared) -> Detections:
    """Moves one photo's boxes to the host, in pixels of the original."""
    height, width = photo.size
    new_height, new_width = photo.pixels.shape[:2]
    scale = np.array([width / new_width, height / new_height] * 2, dtype=np.float32)
    return Detections(
        features=features.float().cpu().numpy(),
        boxes=found.boxes.float().cpu().numpy() * scale,
        scores=found.scores.float().cpu().numpy(),
        classes=found.classes.int().cpu().numpy(),
    )
