"""Where the trained parts lie, each as an option of a command takes it."""

from dataclasses import dataclass

from dgf.workflows.demo.parts.captioner import CAPTION_LENGTH, CAPTIONER, REGIONS_SHOWN
from dgf.workflows.demo.parts.detector import DETECTOR_FOLDER
from dgf.workflows.demo.parts.language_model import LANGUAGE_MODEL
from dgf.workflows.demo.parts.masked_language_model import MASKED_LANGUAGE_MODEL
from dgf.workflows.demo.parts.vgg import VGG_WEIGHTS


@dataclass(frozen=True, slots=True)
class Parts:
    """What the commands are told to read.

    Args:
        detector: For `--detector`.
        detector_weights: For `--weights`.
        vgg: For `--vgg-weights`.
        captioner: For `--oscar`.
        language_model: For `language_model=`.
        masked_language_model: For models that read a sentence from both sides, likewise.
        regions: For `--regions`, as many as the captioner was trained on.
        length: For `--length`, likewise.
    """

    detector: str
    detector_weights: str
    vgg: str
    captioner: str
    language_model: str
    masked_language_model: str
    regions: int
    length: int


def find_parts() -> Parts:
    """Find the parts that came with the package."""
    return Parts(
        detector=f"detectron2:{DETECTOR_FOLDER / 'config.yaml'}",
        detector_weights=str(DETECTOR_FOLDER / "model.safetensors"),
        vgg=str(VGG_WEIGHTS),
        captioner=str(CAPTIONER),
        language_model=str(LANGUAGE_MODEL),
        masked_language_model=str(MASKED_LANGUAGE_MODEL),
        regions=REGIONS_SHOWN,
        length=CAPTION_LENGTH,
    )
