"""BMP and WebP, which Pillow reads as they are; only the costly ones are refused."""

from io import BytesIO

from PIL import Image

from dgf.pipeline.photos.base import MAX_COSTLY_PIXELS, Container, ImageError
from dgf.pipeline.photos.exif import read_orientation

_RUN_LENGTHS = (1, 2)
"""Compressions of a BMP that Pillow decodes in Python."""

_MAX_RUNS = 4_000_000
"""Pixels, and bytes, of such a BMP."""


def read_bmp(data: bytes) -> Container:
    """Read the header of a BMP.

    Raises:
        ImageError: It is of a kind that would take too long.
    """
    image = Image.open(BytesIO(data), formats=("BMP",))
    if image.info["compression"] in _RUN_LENGTHS and max(image.width * image.height, len(data)) > _MAX_RUNS:
        raise ImageError("too large for a BMP with run lengths")
    return Container(image.size, lambda: image)


def read_webp(data: bytes) -> Container:
    """Read the header of a WebP, of whose frames only the first is decoded."""
    image = Image.open(BytesIO(data), formats=("WEBP",))
    orientation = read_orientation(image.info.get("exif", b""))
    return Container(image.size, lambda: image, orientation, max_pixels=MAX_COSTLY_PIXELS)
