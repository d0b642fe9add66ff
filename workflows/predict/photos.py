"""The photos that posts show, as the bytes of their files."""

import io
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dgf.pipeline.faults import RowError, show_value
from dgf.pipeline.photos import NO_FILE, ImageError, NearPhotos, find_image, read_bytes, searched_folders, why_missing
from dgf.pipeline.posts import Dataset, Post

ReadPhoto = Callable[[], bytes]
"""Reads a photo's file; raises `ImageError`."""


@dataclass(frozen=True, slots=True)
class PostWithPhoto:
    """A post to answer, and what reads its photo; None where it shows none."""

    post: Post
    photo: ReadPhoto | None = None


class PhotoFolder:
    """The folder that posts name their photos in; no name leads out of it."""

    def __init__(self, root: Path) -> None:
        self._dataset = Dataset(root=root, image_root=root, splits={}, relations=())
        self._near = NearPhotos(self._dataset)

    def show(self, post: Post) -> PostWithPhoto:
        """Pair a post with what reads its photo."""
        return PostWithPhoto(post, (lambda: self._read(post)) if post.image_ids else None)

    def _read(self, post: Post) -> bytes:
        image_id = find_image(self._dataset, post)
        if image_id is not None:
            return read_bytes(self._dataset.image_root, image_id)
        reason = why_missing(self._dataset, post)
        if reason == NO_FILE:
            looked = searched_folders(self._dataset, post.image_ids)
            raise ImageError(f"not there{self._near.hint(post.image_ids)}; looked for in {looked}")
        raise ImageError(reason)


def photo_of(image: Any, folder: Path) -> tuple[str, ReadPhoto]:
    """Name an image that was handed over, and tell how it is read: a path (relative to `folder`), bytes or a PIL image.

    Raises:
        RowError: It is none of them.
    """
    if isinstance(image, str | os.PathLike):
        path = Path(os.path.realpath(folder / os.fspath(image)))
        return str(image), lambda: read_bytes(path.parent, path.name)
    if isinstance(image, bytes | bytearray | memoryview):
        data = bytes(image)
        return "the photo", lambda: data
    from PIL import Image

    if isinstance(image, Image.Image):
        return "the photo", lambda: _encode(image)
    raise RowError(f"image must be a path, bytes or a PIL image, not {show_value(image)}", "wrong type")


def _encode(image: Any) -> bytes:
    """Write the pixels of a PIL image as a PNG, which loses none, so that they are read as those of any file."""
    from PIL import ImageOps

    upright = ImageOps.exif_transpose(image)
    kept = upright if upright.mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16") else upright.convert("RGB")
    stream = io.BytesIO()
    kept.save(stream, "PNG", compress_level=1)
    return stream.getvalue()
