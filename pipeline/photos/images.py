"""Photos from a folder: found without leaving it, checked before decoding, decoded to upright RGB.

Right pixels here are what a browser shows on a white page: EXIF orientation applied, transparency over white, the
first frame of an animation, the high byte of 16-bit samples. ICC profiles are not applied (sRGB is assumed; CMYK is
converted by the plain formula, with Adobe's inverted polarity for every CMYK JPEG, as other software does).
"""

import hashlib
import os
import re
import stat
from io import BytesIO
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageFile, ImageOps, UnidentifiedImageError

FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF")
"""What may be decoded. Pillow knows far more, each a parser that a hostile file could reach."""

MAX_BYTES = 1 << 26
MAX_PIXELS = 80_000_000
"""Below the number at which Pillow itself warns; 240 MB as RGB."""

NO_FILE = "no such file"
"""The reason of a photo that is not there."""

_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+:/", re.IGNORECASE)

_BITS_PER_SAMPLE, _PHOTOMETRIC, _BLACK_IS_ZERO = 258, 262, 1


class ImageError(Exception):
    """A photo cannot be used. Its text is the reason: short, for a user, the same every time (markers hold it)."""


def resolve_photo(root: Path, image_id: str) -> Path:
    """Find the file of a photo, with every link followed.

    Args:
        root: Folder of the photos (it may itself be a link).
        image_id: POSIX path relative to it.

    Raises:
        ImageError: The id is not such a path, leads outside the folder by `..`, as an absolute path or through a link,
            or does not name a regular file.
    """
    if _ADDRESS.match(image_id):
        raise ImageError("an address of the network, not a file of the data folder")
    try:
        base = os.path.realpath(root)
        if os.path.isabs(image_id) and Path(os.path.realpath(image_id)).is_relative_to(base):
            relative = os.path.relpath(os.path.realpath(image_id), base)
            raise ImageError(f"an absolute path; names are relative to the folder of the photos: {relative}")
        parts = [part for part in image_id.split("/") if part]
        if not parts or image_id.endswith("/"):
            raise ImageError(NO_FILE)
        if os.path.isabs(image_id) or ".." in parts:
            raise ImageError("leads outside the data folder")
        path = Path(os.path.realpath(os.path.join(base, *parts), strict=True))
        if not path.is_relative_to(base):
            raise ImageError("leads outside the data folder")
        if not stat.S_ISREG(path.stat().st_mode):
            raise ImageError("not a regular file")
    except (FileNotFoundError, NotADirectoryError):
        raise ImageError(NO_FILE) from None
    except OSError as error:
        raise ImageError(_system_reason(error)) from None
    except ValueError:  # a NUL, or half a surrogate pair
        raise ImageError("no file can have this name") from None
    return path


def read_bytes(root: Path, image_id: str) -> bytes:
    """Read the file of a photo.

    Raises:
        ImageError: See `resolve_photo`; or the file is empty, larger than 64 MiB, or cannot be read.
    """
    path = resolve_photo(root, image_id)
    try:
        # The path is resolved, so a link here was put in place since; and a pipe put in place must not block.
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise ImageError("not a regular file")
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ImageError(_system_reason(error)) from None
    if not data:
        raise ImageError("empty file")
    if len(data) > MAX_BYTES:
        raise ImageError(f"larger than {MAX_BYTES >> 20} MiB")
    return data


def _system_reason(error: OSError) -> str:
    return f"cannot be read: {os.strerror(error.errno or 0)}"


def digest(data: bytes) -> str:
    """Compute the sha256 of a photo's bytes, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def probe(data: bytes) -> tuple[int, int]:
    """Read the (height, width) of what `decode` returns, from the header alone.

    Raises:
        ImageError: The bytes are not an image of a known format, or it has too many pixels.
    """
    try:
        with _open(data) as image:
            width, height = image.size
            return (width, height) if _orientation(image) >= 5 else (height, width)
    except ImageError:
        raise
    except Exception as error:
        raise _broken(error) from None


def decode(data: bytes) -> npt.NDArray[np.uint8]:
    """Decode a photo.

    Returns:
        (H, W, 3) uint8 RGB, upright.

    Raises:
        ImageError: See `probe`; or the pixels are cut off, broken, or of a kind with no one reading as RGB.
    """
    try:
        with _open(data) as image:
            orientation = _orientation(image)
            pixels = np.asarray(_rgb(image))
            if orientation != 1:
                rotated = Image.fromarray(pixels)  # without the file's own EXIF, which may be broken
                rotated.getexif()[ExifTags.Base.Orientation] = orientation
                pixels = np.asarray(ImageOps.exif_transpose(rotated))
            return np.ascontiguousarray(pixels)
    except ImageError:
        raise
    # Pillow's parsers raise nearly every exception there is on hostile bytes.
    except Exception as error:
        raise _broken(error) from None


def _open(data: bytes) -> ImageFile.ImageFile:
    """Read the header of one of the known formats and refuse a bomb; nothing is decoded."""
    try:
        image = Image.open(BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError:
        raise ImageError("not a JPEG, PNG, GIF, WebP, BMP or TIFF image, or its header is broken") from None
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise ImageError(f"more than {MAX_PIXELS:,} pixels")
    if width < 1 or height < 1:
        raise ImageError("has no pixels")
    return image


def _orientation(image: Image.Image) -> int:
    """Read the EXIF orientation that is left to apply; broken EXIF is no reason to refuse the pixels."""
    if image.format == "TIFF":
        return 1  # Pillow applies it itself there, to the size as to the pixels
    exif = Image.Exif()
    try:
        exif.load(image.info.get("exif", b""))
        value = exif.get(ExifTags.Base.Orientation, 1)
    except Exception:
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _rgb(image: ImageFile.ImageFile) -> Image.Image:
    wide = any(";16" in str(tile.args) for tile in image.tile)
    image.load()
    if image.mode.startswith("I;16"):
        return _high_byte(image)
    if image.mode in ("I", "F", "LAB", "HSV"):
        raise ImageError(f"pixels of the kind {image.mode} have no one reading as RGB")
    if not image.has_transparency_data:
        return image.convert("RGB")
    if wide and "transparency" in image.info:
        raise ImageError("a transparent color in 16 bits is not supported")
    layer = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")


def _high_byte(image: Image.Image) -> Image.Image:
    """16-bit gray, of which Pillow's own conversion keeps only values below 256."""
    if image.format == "TIFF":
        tags = image.getexif()
        if tags.get(_BITS_PER_SAMPLE) not in (16, (16,)) or tags.get(_PHOTOMETRIC) != _BLACK_IS_ZERO:
            raise ImageError("this kind of 16-bit TIFF is not supported")
    values = np.asarray(image)
    gray = (values >> 8).astype(np.uint8)
    clear = image.info.get("transparency")
    if isinstance(clear, int):
        gray[values == clear] = 255
    return Image.fromarray(gray).convert("RGB")


def _broken(error: Exception) -> ImageError:
    if isinstance(error, Image.DecompressionBombError | Image.DecompressionBombWarning):
        return ImageError(f"more than {MAX_PIXELS:,} pixels")
    if isinstance(error, MemoryError):
        return ImageError("does not fit in memory")
    return ImageError("truncated" if isinstance(error, EOFError) or "runcated" in str(error) else "broken image data")
