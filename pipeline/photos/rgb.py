"""Pixels of any kind as upright RGB, in strips, so that they are in memory hardly more than twice."""

import numpy as np
import numpy.typing as npt
from PIL import Image

from dgf.pipeline.photos.base import BROKEN, Container, ImageError

_BITS_PER_SAMPLE, _PHOTOMETRIC, _BLACK_IS_ZERO = 258, 262, 1

_STRIP = 1 << 22
"""Pixels converted at once."""


def read_rgb(container: Container) -> npt.NDArray[np.uint8]:
    """Decode what a container holds.

    Returns:
        (H, W, 3) uint8 RGB, upright; what the image does not cover and what is transparent is white.

    Raises:
        ImageError: The pixels are of a kind with no one reading as RGB.
        Exception: Nearly any: Pillow's parsers raise what they like on hostile bytes.
    """
    # Read the pixels, unless nothing could be made of them.
    image = container.load()
    if image.mode in ("I", "F", "LAB", "HSV"):
        raise ImageError(f"pixels of the kind {image.mode} have no one reading as RGB")
    image.load()

    # Where each pixel belongs in what is given back.
    width, height = container.size
    left, top = container.corner
    upright = np.empty((width, height, 3) if container.orientation >= 5 else (height, width, 3), np.uint8)
    stored = _as_stored(upright, container.orientation)
    if image.width + left > width or image.height + top > height:
        raise ImageError(BROKEN)
    if image.size != container.size:
        upright[:] = 255

    # Convert it, strip by strip.
    rows = max(1, _STRIP // image.width)
    for start in range(0, image.height, rows):
        end = min(start + rows, image.height)
        strip = image if (start, end) == (0, image.height) else image.crop((0, start, image.width, end))
        stored[top + start : top + end, left : left + image.width] = _convert(strip, image)
    return upright


def _as_stored(upright: npt.NDArray[np.uint8], orientation: int) -> npt.NDArray[np.uint8]:
    """The same memory with the rows and columns of the file, by the table of the EXIF standard."""
    rows = -1 if orientation in (3, 4, 7, 8) else 1
    columns = -1 if orientation in (2, 3, 6, 7) else 1
    turned = upright[::rows, ::columns]
    return turned.transpose(1, 0, 2) if orientation >= 5 else turned


def _convert(strip: Image.Image, image: Image.Image) -> npt.NDArray[np.uint8]:
    """A strip of an image as RGB, over white."""
    if image.mode.startswith("I;16"):
        return _high_byte(strip, image)
    if not strip.has_transparency_data:
        return np.asarray(strip.convert("RGB"))
    layer = strip.convert("RGBA")
    return np.asarray(Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB"))


def _high_byte(strip: Image.Image, image: Image.Image) -> npt.NDArray[np.uint8]:
    """16-bit gray, of which Pillow's own conversion keeps only values below 256."""
    if image.format == "TIFF":
        tags = image.getexif()
        if tags.get(_BITS_PER_SAMPLE) not in (16, (16,)) or tags.get(_PHOTOMETRIC) != _BLACK_IS_ZERO:
            raise ImageError("this kind of 16-bit TIFF is not supported")
    values = np.asarray(strip)
    gray = (values >> 8).astype(np.uint8)
    clear = image.info.get("transparency")
    if isinstance(clear, int):
        gray[values == clear] = 255
    return np.repeat(gray[:, :, None], 3, 2)
