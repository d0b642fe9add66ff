"""From a seed to a mutated case: which file is changed, how often, and by what."""

from collections.abc import Callable, Sequence
from pathlib import PurePosixPath
from random import Random

from .. import Files
from . import containers, pictures, values
from .blind import LARGEST, blind

Structured = Callable[[Random, bytes], bytes]

_BY_SUFFIX: dict[str, Structured] = {
    ".json": values.mutate_json,
    ".jsonl": values.mutate_json_line,
    ".ndjson": values.mutate_json_line,
    ".txt": values.mutate_literal_line,
    ".yaml": values.mutate_yaml,
    ".png": pictures.mutate_png,
    ".jpg": pictures.mutate_jpeg,
    ".webp": pictures.mutate_webp,
    ".gif": pictures.mutate_gif,
    ".tiff": pictures.mutate_tiff,
    ".bmp": pictures.mutate_bmp,
    ".pth": containers.mutate_zip,
    ".pt": containers.mutate_zip,
    ".bin": containers.mutate_zip,
    ".pkl": containers.mutate_pickle,
    ".safetensors": containers.mutate_safetensors,
    ".gguf": containers.mutate_gguf,
    ".h5": containers.mutate_hdf5,
    ".gz": lambda rng, data: containers.in_gzip(rng, data, values.mutate_json_line),
}

_ROUNDS = (1, 1, 1, 1, 2, 2, 3, 6)


def mutate_files(rng: Random, seeds: Sequence[Files], mutable: Callable[[str], bool]) -> Files:
    """Take one of the seeds and change those of its files that may be changed."""
    files, others = dict(rng.choice(seeds)), rng.choice(seeds)
    names = sorted(name for name in files if mutable(name))

    # now and then files themselves are missing, of another content, or folders
    if len(names) > 1 and rng.random() < 0.06:
        one, two = rng.choice(names), rng.choice(names)
        match rng.choice(("remove", "empty", "swap", "folder")):
            case "remove":
                del files[one]
            case "empty":
                files[one] = b""
            case "swap":
                files[one], files[two] = files[two], files[one]
            case _:
                files[one] = None
        return files

    name = rng.choice(names)
    splices = [content for content in others.values() if content is not None] or [b""]
    for _ in range(rng.choice(_ROUNDS)):
        files[name] = mutate(rng, name, files[name] or b"", rng.choice(splices))
    return files


def mutate(rng: Random, name: str, data: bytes, other: bytes) -> bytes:
    """Change a file once, by its structure where its name tells one and its content still has it."""
    structured = _BY_SUFFIX.get(PurePosixPath(name).suffix)
    if structured is not None and rng.random() < 0.65:
        try:
            return structured(rng, data)[: 4 * LARGEST]
        # An earlier change may have left nothing that parses, in any way.
        except Exception:
            pass
    return blind(rng, data, other) if len(data) < LARGEST else data
