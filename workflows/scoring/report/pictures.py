"""Photos small enough to travel inside a page, each once, however many posts show it."""

import base64
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

from PIL import Image

from dgf.pipeline.photos import ImageError, decode, digest, read_bytes

BUDGET = 12_000_000
"""Characters that the pictures of a page may take."""

SIZES = ((240, 60), (200, 55), (160, 50), (120, 45))
"""Width in pixels and quality of the JPEG: the first of which all photos fit into the budget is taken."""

_SAMPLE = 24
"""Photos whose size is measured to choose one of `SIZES`."""
_SAFETY = 0.95
"""Share of the budget that the photos may be expected to take."""
_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class Pictures:
    """Pictures of photos.

    Args:
        jpegs: In base64.
        places: By image id, the picture's place in `jpegs`; photos of the same bytes share one.
        left_out: Photos for which the budget had no room.
        unreadable: Photos that cannot be read.
    """

    jpegs: tuple[str, ...]
    places: Mapping[str, int]
    left_out: int = 0
    unreadable: int = 0


def make_pictures(root: Path, image_ids: Iterable[str], budget: int = BUDGET) -> Pictures:
    """Make the pictures of photos in a folder; those that come first have room first.

    Args:
        root: Folder of the photos.
        image_ids: Repetitions allowed.
        budget: Characters of base64 that all may take together.
    """
    photos = tuple(dict.fromkeys(image_ids))
    width, quality = _choose_size(root, photos, budget)
    jpegs: list[str] = []
    places: dict[str, int] = {}
    by_content: dict[str, int] = {}
    room, left_out, unreadable = budget, 0, 0
    made = _in_threads(root, photos, width, quality)
    for image_id, (content, jpeg) in zip(photos, made, strict=False):
        if jpeg is None:
            unreadable += 1
        elif content in by_content:
            places[image_id] = by_content[content]
        elif len(jpeg) <= room:
            room -= len(jpeg)
            places[image_id] = by_content[content] = len(jpegs)
            jpegs.append(jpeg)
        else:  # and no look at the others: there may be a million
            left_out = len(photos) - len(places) - unreadable
            break
    return Pictures(tuple(jpegs), places, left_out, unreadable)


def _choose_size(root: Path, photos: Sequence[str], budget: int) -> tuple[int, int]:
    """Find the largest of `SIZES` at which photos like those of a sample fit into the budget; else the smallest."""
    some = photos[:: max(1, len(photos) // _SAMPLE)]
    for width, quality in SIZES:
        lengths = [len(jpeg) for _, jpeg in _in_threads(root, some, width, quality) if jpeg is not None]
        if not lengths or sum(lengths) / len(lengths) * len(photos) <= _SAFETY * budget:
            return width, quality
    return SIZES[-1]


def _in_threads(root: Path, photos: Sequence[str], width: int, quality: int) -> Iterator[tuple[str, str | None]]:
    """Yield the digest of each photo's bytes and its picture, some at once, in order."""
    with ThreadPoolExecutor() as pool:
        waiting = iter(photos)
        batches = iter(lambda: list(islice(waiting, _AT_ONCE)), [])
        yield from chain.from_iterable(
            pool.map(lambda image_id: _picture(root, image_id, width, quality), batch) for batch in batches
        )


def _picture(root: Path, image_id: str, width: int, quality: int) -> tuple[str, str | None]:
    try:
        data = read_bytes(root, image_id)
        image = Image.fromarray(decode(data, damaged="use"))
    except ImageError:
        return "", None
    image.thumbnail((width, 2 * width), Image.Resampling.LANCZOS)
    jpeg = io.BytesIO()
    image.save(jpeg, "JPEG", quality=quality, optimize=True)
    return digest(data), base64.b64encode(jpeg.getvalue()).decode()
