"""The photos that posts show, as the bytes of their files."""

import io
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dgf.pipeline.faults import RowError, show_value
from dgf.pipeline.photos import NO_FILE, ImageError, NearPhotos, find_image, read_bytes, searched_folders, why_missing
from dgf.pipeline.posts import Dataset, FoundPair, Post

ReadPhoto = Callable[[], bytes]
"""Reads a photo's file; raises `ImageError`."""


PIL_BYTES = 1 << 20
"""What a PIL image counts for at least: it may hold a file open, of which a process has some thousand."""


@dataclass(frozen=True, slots=True)
class GivenPhoto:
    """An image that was handed over: what messages call it, what reads it, and the bytes of memory it holds."""

    name: str
    read: ReadPhoto
    held: int = 0


@dataclass(frozen=True, slots=True)
class PostWithPhoto:
    """A post to answer, and what it shows.

    Args:
        post: The post.
        photo: Reads its photo; None where it shows none.
        held: The bytes of memory that photo holds.
        found: The mentions, where they were found; None where they were given.
    """

    post: Post
    photo: ReadPhoto | None = None
    held: int = 0
    found: FoundPair | None = None


class PhotoFolder:
    """The folder that posts name their photos in; no name leads out of it."""

    def __init__(self, root: Path) -> None:
        self._dataset = Dataset(root=root, image_root=root, splits={}, relations=())
        self._near = NearPhotos(self._dataset)

    def show(self, post: Post, found: FoundPair | None = None) -> PostWithPhoto:
        """Pair a post with what reads its photo."""
        return PostWithPhoto(post, (lambda: self._read(post)) if post.image_ids else None, found=found)

    def _read(self, post: Post) -> bytes:
        image_id = find_image(self._dataset, post)
        if image_id is not None:
            return read_bytes(self._dataset.image_root, image_id)
        reason = why_missing(self._dataset, post)
        if reason == NO_FILE:
            looked = searched_folders(self._dataset, post.image_ids)
            raise ImageError(f"not there{self._near.hint(post.image_ids)}; looked for in {looked}")
        raise ImageError(reason)


def photo_of(image: Any, folder: Path | None) -> GivenPhoto:
    """Tell how an image that was handed over is read: a path, bytes or a PIL image.

    A path leads anywhere, or where there is a `folder` is a name in it that does not lead out of it.

    Raises:
        RowError: It is none of them.
    """
    if isinstance(image, str | os.PathLike):
        name = os.fsdecode(image)
        return GivenPhoto(name, lambda: _read_anywhere(name) if folder is None else read_bytes(folder, name))
    if isinstance(image, bytes | bytearray | memoryview):
        data = bytes(image)
        return GivenPhoto("the photo", lambda: data, len(data))
    from PIL import Image

    if isinstance(image, Image.Image):
        pixels = image.width * image.height * len(image.getbands())
        return GivenPhoto("the photo", lambda: _encode(image), max(pixels, PIL_BYTES))
    raise RowError(f"image must be a path, bytes or a PIL image, not {show_value(image)}", "wrong type")


def _read_anywhere(name: str) -> bytes:
    """Read a file where it lies, whatever links lead there."""
    path = Path(os.path.realpath(name))
    return read_bytes(path.parent, path.name)


def _encode(image: Any) -> bytes:
    """Write the pixels of a PIL image as a PNG, which loses none, so that they are read as those of any file.

    Raises:
        ImageError: It gives no pixels.
    """
    from PIL import ImageOps

    stream = io.BytesIO()
    try:
        upright = ImageOps.exif_transpose(image)
        kept = upright if upright.mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16") else upright.convert("RGB")
        kept.save(stream, "PNG", compress_level=1)
    except Exception as error:  # of its own parsers, when the file behind it is closed, cut short or hostile
        raise ImageError(f"this PIL image gives no pixels: {error}") from None
    return stream.getvalue()
