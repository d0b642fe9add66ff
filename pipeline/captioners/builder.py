"""Which captioner answers a specification; those with a heavy library are imported when asked for."""

from pathlib import Path
from typing import Any

from dgf.pipeline.captioners.base import Captioner, CaptionerSpec
from dgf.pipeline.captioners.caption_file import FileCaptioner, read_caption_file
from dgf.pipeline.errors import UserError
from dgf.pipeline.files import file_digest
from dgf.pipeline.shards import BOX_FEATURES, Layout


def is_random(spec: CaptionerSpec) -> bool:
    """Whether the user asked for random weights."""
    return _seed(spec) is not None


def describe_captioner(spec: CaptionerSpec) -> dict[str, Any]:
    """What the words depend on: backend, digest of every file it reads, decoding. Cheap: nothing is loaded.

    Raises:
        UserError: A file of it is not there.
    """
    decoding = {"beams": spec.beams, "length": spec.length, "precision": spec.precision}
    path, seed = Path(spec.source), _seed(spec)
    match spec.backend:
        case "file":
            if not path.is_file():
                raise UserError(f"{path} is not a file.", "Give a JSONL file as --captions.")
            return {"backend": "file", "sha256": file_digest(path)}
        case "hf":
            kinds = (".json", ".txt", ".safetensors", ".bin", ".model")
            files = sorted(file for file in path.glob("*") if file.suffix in kinds and file.is_file())
            return {"backend": "hf", "sha256": {file.name: file_digest(file) for file in files}, **decoding}
        case "oscar" if seed is not None:
            return {"backend": "oscar", "weights": f"random:{seed}", **decoding}
        case "oscar":
            from dgf.pipeline.captioners.oscar import describe_checkpoint

            return {"backend": "oscar", **describe_checkpoint(path), **decoding}


def build_captioner(spec: CaptionerSpec, layout: Layout, device: str) -> Captioner:
    """Load a captioner that will read feature shards of this layout.

    Raises:
        UserError: It cannot be loaded, or does not go with the device.
    """
    if spec.precision == "bfloat16" and not device.startswith("cuda"):
        raise UserError(f"--precision bfloat16 is for CUDA, the device is {device}.", "Leave it out.")
    match spec.backend:
        case "file":
            return FileCaptioner(read_caption_file(Path(spec.source)))
        case "hf":
            from dgf.pipeline.captioners.transformers_captioner import HfCaptioner

            return HfCaptioner(spec, device)
        case "oscar":
            from dgf.pipeline.captioners.oscar import OscarCaptioner, load_oscar, random_captioner

            seed = _seed(spec)
            if seed is None:
                checkpoint = load_oscar(Path(spec.source))
            else:
                checkpoint = random_captioner(seed, layout.class_names, layout.dim + BOX_FEATURES)
            return OscarCaptioner(checkpoint, spec, device)


def _seed(spec: CaptionerSpec) -> int | None:
    """Of random weights; None for any others."""
    if spec.backend != "oscar":
        return None
    from dgf.pipeline.weights import random_seed

    return random_seed(spec.source)
