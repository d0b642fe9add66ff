"""Where the trained parts lie, each as an option of a command takes it."""

from dataclasses import dataclass
from pathlib import Path

from dgf.workflows.demo.parts.captioner import CAPTION_LENGTH, REGIONS_SHOWN

_WEIGHTS = Path(__file__).parent / "weights"


@dataclass(frozen=True, slots=True)
class Parts:
    """What the commands are told to read.

    Args:
        detector: For `--detector`.
        detector_weights: For `--weights`.
        vgg: For `--vgg-weights`.
        captioner: For `--oscar`.
        language_model: For `language_model=`.
        regions: For `--regions`, as many as the captioner was trained on.
        length: For `--length`, likewise.
    """

    detector: str
    detector_weights: str
    vgg: str
    captioner: str
    language_model: str
    regions: int
    length: int


def find_parts() -> Parts:
    """Find the parts beside this file."""
    return Parts(
        detector=f"detectron2:{_WEIGHTS / 'detector' / 'config.yaml'}",
        detector_weights=str(_WEIGHTS / "detector" / "model.safetensors"),
        vgg=str(_WEIGHTS / "vgg" / "model.safetensors"),
        captioner=str(_WEIGHTS / "captioner"),
        language_model=str(_WEIGHTS / "language_model"),
        regions=REGIONS_SHOWN,
        length=CAPTION_LENGTH,
    )
