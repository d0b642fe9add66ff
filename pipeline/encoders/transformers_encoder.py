"""Vision transformers of the library transformers (CLIP, SigLIP, DINOv2, ViT, ...): the patches of a photo."""

import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from transformers import AutoConfig, AutoImageProcessor, AutoModel, ViTImageProcessorPil

from dgf.pipeline.checkpoints import CONFIG_FILE, LOCAL, check_filled, loading, locate_checkpoint, weight_files
from dgf.pipeline.encoders.base import DEFAULT, Blocks, EncoderSpec, cut_thin
from dgf.pipeline.errors import UserError, foreign_reason
from dgf.pipeline.files import canonical_digest, file_digest
from dgf.pipeline.precision import Precision, describe_precision, infer_in
from dgf.pipeline.weights import random_seed, seeded

PROCESSOR_FILES = ("processor_config.json", "preprocessor_config.json")
"""The first goes before the second, where it says anything of photos."""

_WHAT = "a vision transformer"
_HINT = "Give the folder of a vision transformer, such as that of `hf download facebook/dinov2-base --local-dir DIR`."
_OF_PHOTOS = {"clip": "clip_vision_model", "siglip": "siglip_vision_model"}
"""Short names -> the architecture, where it has another name."""
_UNREAD = r"(.*\.)?(pooler|head|mask_token)\b"
"""Weights that no patch depends on, which checkpoints made for another task lack."""

_MOST_LAYERS = 1000
_LONGEST = 2048
"""Pixels of an edge of the network's input."""
_MOST_BESIDE = 16
"""Positions that stand for no patch: the class, registers."""


class TransformersBackend:
    """A checkpoint of transformers as an encoder: the one `named`, or the one in the folder given as weights."""

    software: tuple[str, ...] = ("transformers",)

    def __init__(self, spec: EncoderSpec, named: str) -> None:
        self._spec = spec
        self._seed = random_seed(spec.weights)
        self._place = named if self._seed is not None or spec.weights == DEFAULT else spec.weights
        self._has_sizes = self._seed is not None and spec.kind == spec.spec  # that transformers knows

    def describe(self) -> dict[str, object]:
        """What decides the output: the files of the checkpoint by one digest."""
        weights: object = f"random:{self._seed}"
        model, settings = self._spec.spec, {}
        if not self._has_sizes:
            folder = self._folder()
            model, files = _model_type(folder), [folder / name for name in (CONFIG_FILE, *PROCESSOR_FILES)]
            settings = {"settings": _digest(path for path in files if path.is_file())}
            weights = weights if self._seed is not None else _digest(weight_files(folder))
        return {
            "model": f"transformers:{model}",
            "weights": weights,
            **settings,
            "blocks": "patches of the last layer",
            "precision": describe_precision(self._spec.precision, on_gpu=torch.bfloat16),
        }

    def build(self, device: str) -> "TransformersEncoder":
        """Build the network with its weights, and the processor that makes its input."""
        if self._has_sizes:
            about, folder = AutoConfig.for_model(_OF_PHOTOS.get(self._spec.spec, self._spec.spec)), None
        else:
            folder = self._folder()
            with loading(folder, _WHAT, _HINT):
                about = AutoConfig.from_pretrained(folder, **LOCAL)
        config = getattr(about, "vision_config", about)  # of CLIP and others that read text too
        with loading(folder or Path(self._spec.spec), _WHAT, _HINT):
            processor = None if folder is None else _read_processor(folder)
            if self._seed is not None:
                with seeded(self._seed):
                    model = AutoModel.from_config(config)
            else:
                assert folder is not None
                _check_size(config, folder)
                config.transformers_weights = None  # which would name files that the digest is not of
                model, info = AutoModel.from_pretrained(
                    folder, config=config, dtype=torch.float32, output_loading_info=True, **LOCAL
                )
                check_filled(folder, info, _HINT, _UNREAD)
            return TransformersEncoder(model, processor or _square(config), device, self._spec.precision)

    def _folder(self) -> Path:
        """Where the checkpoint is; of random weights its settings are enough."""
        option = f"--encoder {self._spec.spec}"
        folder = locate_checkpoint(self._place, option=option, also=PROCESSOR_FILES)
        there = {PROCESSOR_FILES[1]: _has_processor(folder), "weights": bool(weight_files(folder))}
        if self._seed is None and (lacking := [what for what, found in there.items() if not found]):
            raise UserError(f"{option}: {folder} has no {lacking[0]}", "Put the whole checkpoint there.")
        return folder


class TransformersEncoder:
    """A vision transformer ready to read photos. Builder: `TransformersBackend.build`.

    Attributes:
        block_shape: (M, C), the patches of its input and their width.

    Raises:
        UserError: It gives no grid of patches, or its processor no input of one size.
    """

    def __init__(self, model: Any, processor: Any, device: str, precision: Precision | None = None) -> None:
        self.device = torch.device(device)
        self._precision = precision
        self._processor = processor
        self._keeps_middle = bool(getattr(processor, "do_center_crop", False))
        self._model = model.eval().requires_grad_(False).to(self.device)
        self.block_shape = self._try()

    def prepare(self, photo: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Resize and normalize one photo as the checkpoint's own processor does, to (3, h, w)."""
        if self._keeps_middle:
            photo = cut_thin(photo)
        made = self._processor(images=photo, input_data_format="channels_last", return_tensors="np")
        pixels: npt.NDArray[np.float32] = np.asarray(made["pixel_values"][0], np.float32)
        return pixels

    def extract_prepared(self, photos: Sequence[npt.NDArray[np.float32]]) -> Blocks:
        """Run B photos of (3, h, w) in one forward."""
        pixels = torch.from_numpy(np.stack(photos))
        with infer_in(self._precision, self.device, on_gpu=torch.bfloat16):
            states: Tensor = self._model(pixel_values=pixels.to(self.device)).last_hidden_state  # (B, P + M, C)
            # Before the patches stand the class and what else has no place in the photo.
            return Blocks(states[:, states.shape[1] - self.block_shape[0] :].float().cpu().numpy(), None)

    def _try(self) -> tuple[int, int]:
        """Run a photo to see how many patches there are, and how wide."""
        kind = self._model.config.model_type
        sizes = [getattr(self._processor, name, None) or {} for name in ("size", "crop_size")]
        edges = [edge for size in sizes for edge in dict(size).values() if edge is not None]
        if any(edge > _LONGEST for edge in edges):
            raise UserError(
                f"{kind}: its processor makes photos of {max(edges)} pixels", f"At most {_LONGEST} are read."
            )
        tall, wide = (self.prepare(np.zeros(shape, np.uint8)) for shape in ((64, 48, 3), (48, 64, 3)))
        if tall.shape != wide.shape or tall.ndim != 3:
            fault = f"its processor leaves photos in several shapes, such as {tall.shape} and {wide.shape}"
            raise UserError(f"{kind}: {fault}", "Take a checkpoint that reads photos of one size.")
        with infer_in(self._precision, self.device, on_gpu=torch.bfloat16):
            states = self._model(pixel_values=torch.from_numpy(tall[None]).to(self.device)).last_hidden_state
        high, broad = _pair(self._model.config.patch_size)
        count = (tall.shape[1] // high) * (tall.shape[2] // broad)
        if states.ndim != 3 or not 0 <= states.shape[1] - count <= _MOST_BESIDE:
            fault = f"its last layer is {tuple(states.shape[1:])}, which is no grid of {count} patches"
            raise UserError(f"{kind}: {fault}", _HINT)
        return count, int(states.shape[2])


def _model_type(folder: Path) -> str:
    try:
        about = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))
        return str(about["model_type"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise UserError(f"{folder / CONFIG_FILE} cannot be read: {foreign_reason(error)}", _HINT) from error


def _check_size(config: Any, folder: Path) -> None:
    """Refuse a network that is larger than the file of its weights, before memory is asked for."""
    stored = sum(path.stat().st_size for path in weight_files(folder))
    with torch.device("meta"):
        few = int(config.num_hidden_layers) <= _MOST_LAYERS
        asked = AutoModel.from_config(config).num_parameters() if few else math.inf
    if asked > stored:  # each takes a byte at least
        fault = (
            f"{folder / CONFIG_FILE}: its network would have {asked:,} weights, and their files have {stored:,} bytes"
        )
        raise UserError(fault, "Fetch the checkpoint again.")


def _digest(paths: Iterable[Path]) -> str:
    return f"sha256:{canonical_digest({path.name: file_digest(path) for path in paths})}"


def _has_processor(folder: Path) -> bool:
    return any((folder / name).is_file() for name in PROCESSOR_FILES)


def _read_processor(folder: Path) -> Any:
    """The checkpoint's own; None where there is none, which random weights do without."""
    if not _has_processor(folder):
        return None
    # The one of PIL: another resizes with as many threads as torch has.
    return AutoImageProcessor.from_pretrained(folder, backend="pil", **LOCAL)


def _pair(size: Any) -> tuple[int, int]:
    """Height and width of what may be given by one number."""
    height, width = size if isinstance(size, Sequence) else (size, size)
    return int(height), int(width)


def _square(config: Any) -> Any:
    """Squeeze the whole photo into the network's input."""
    height, width = _pair(config.image_size)
    return ViTImageProcessorPil(size={"height": height, "width": width})
