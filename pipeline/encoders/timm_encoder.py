"""Any network of the library timm: the patches of its last layer, or the places of its last feature map."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from dgf.pipeline.encoders.base import DEFAULT, Blocks, EncoderSpec, cut_thin
from dgf.pipeline.errors import UserError, foreign_reason
from dgf.pipeline.precision import Precision, describe_precision, infer_in
from dgf.pipeline.weights import WeightSource, identify_weights, read_weights, resolve_weights, seeded

_FILE = "model.safetensors"


class TimmBackend:
    """A network of timm as an encoder, by timm's name of it.

    Raises:
        UserError: timm is not installed, or knows no such network.
    """

    software: tuple[str, ...] = ("timm",)

    def __init__(self, spec: EncoderSpec) -> None:
        self._spec = spec
        self._option = f"--encoder {spec.spec}"
        try:
            with warnings.catch_warnings(action="ignore"):  # of names that timm has moved
                import timm
                from timm.data.config import resolve_data_config
        except ImportError as error:
            raise UserError(f"{self._option}: timm cannot be imported: {error}", "pip install 'dgf[timm]'") from error
        self._timm: Any = timm
        name = spec.model.partition(".")[0]
        if not timm.is_model(name):
            near = ", ".join(timm.list_models(f"*{name}*")[:5])
            raise UserError(f"{self._option}: timm has no such network", f"Some like it: {near}" if near else None)
        try:
            self._about: Any = self._timm.get_pretrained_cfg(spec.model)
        except RuntimeError as error:
            known = ", ".join(timm.list_pretrained(f"{name}.*"))
            raise UserError(
                f"{self._option}: {foreign_reason(error)}", f"There are {known}" if known else f"Give timm:{name}."
            ) from error
        self._input: dict[str, Any] = resolve_data_config(pretrained_cfg=self._about.to_dict())

    def describe(self) -> dict[str, object]:
        """What decides the output: timm's name of the network and the weights by their digest."""
        return {
            "model": self._spec.spec,
            "weights": identify_weights(self._weights()),
            "blocks": "places of the last layer",
            "preprocessing": ", ".join(f"{name} {value}" for name, value in sorted(self._input.items())),
            "precision": describe_precision(self._spec.precision, on_gpu=torch.bfloat16),
        }

    def build(self, device: str) -> "TimmEncoder":
        """Build the network with its weights, and what makes its input."""
        source = self._weights()
        name, state = self._spec.model, None if isinstance(source, int) else read_weights(source)
        given = {} if state is None else {"pretrained": True, "pretrained_cfg_overlay": {"state_dict": state}}
        try:
            with seeded(source):  # with its classifier: without, timm takes any weights
                model = self._timm.create_model(name, **given)
            transform = self._timm.data.create_transform(**self._input, is_training=False)
            return TimmEncoder(model, transform, self._input, device, self._spec.precision)
        except UserError:
            raise
        # It raises whatever weights or sizes that do not fit led it to.
        except Exception as error:
            fault = f"{self._option}: {source if state else 'it'} does not give its blocks: {foreign_reason(error)}"
            raise UserError(fault, "Give the weights of this network, as timm publishes them.") from error

    def _weights(self) -> WeightSource:
        if self._spec.weights == DEFAULT:
            return self._fetch()
        return resolve_weights(self._spec.weights, what=f"encoder {self._spec.spec}", published=lambda name: None)

    def _fetch(self) -> Path:
        """Fetch the published weights from the hub, or find what was fetched before."""
        from huggingface_hub import hf_hub_download

        repository = self._about.hf_hub_id
        if not repository:
            raise UserError(f"{self._option}: no weights are published", "Give --encoder-weights a file, or random.")
        try:
            return Path(hf_hub_download(repository, self._about.hf_hub_filename or _FILE))
        except Exception as error:  # of its own and of whatever it reaches the network with
            raise UserError(
                f"{self._option}: {repository} is not here and cannot be fetched ({foreign_reason(error)})",
                f"Fetch {_FILE} of {repository} where there is a network, and give it as --encoder-weights.",
            ) from error


class TimmEncoder:
    """A network of timm ready to read photos. Builder: `TimmBackend.build`.

    Attributes:
        block_shape: (M, C), the places of its last layer and their width.

    Raises:
        UserError: What stands among its places is not known.
    """

    def __init__(
        self, model: Any, transform: Any, wanted: dict[str, Any], device: str, precision: Precision | None = None
    ) -> None:
        self.device = torch.device(device)
        self._precision = precision
        self._transform = transform
        self._keeps_middle = wanted["crop_mode"] == "center"
        self._prefix = _count_prefix(model)
        self._model = model.eval().requires_grad_(False).to(self.device)
        _, count, width = self.extract_prepared([np.zeros(wanted["input_size"], np.float32)]).blocks.shape
        self.block_shape = (count, width)

    def prepare(self, photo: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Resize and normalize one photo as timm does for this network, to (3, h, w)."""
        pixels: npt.NDArray[np.float32] = self._transform(
            Image.fromarray(cut_thin(photo) if self._keeps_middle else photo)
        ).numpy()
        return pixels

    def extract_prepared(self, photos: Sequence[npt.NDArray[np.float32]]) -> Blocks:
        """Run B photos of (3, h, w) in one forward."""
        pixels = torch.from_numpy(np.stack(photos))
        with infer_in(self._precision, self.device, on_gpu=torch.bfloat16):
            states: Tensor = self._model.forward_features(pixels.to(self.device))
            if states.ndim == 4:  # a map, with its channels first or last
                last = getattr(self._model, "output_fmt", "NCHW") == "NHWC"
                places = states.flatten(1, 2) if last else states.flatten(2).transpose(1, 2)
            else:
                places = states[:, self._prefix :]
            return Blocks(places.float().contiguous().cpu().numpy(), None)


def _count_prefix(model: Any) -> int:
    """How many tokens stand before those of places: the class, registers."""
    count: int | None = getattr(model, "num_prefix_tokens", None)
    if count is None and any("cls_token" in name for name, _ in model.named_parameters()):
        fault = f"{type(model).__name__}: has a token of the class, and timm does not say where it stands in its output"
        raise UserError(fault, "Take another network, such as a plain vision transformer.")
    return count or 0
