"""Photos from a folder, also those packed in a file of it: found without leaving it, checked, decoded to upright RGB.

Right pixels here are what a browser shows on a white page: EXIF orientation applied, transparency over white, the
first frame of an animation, the high byte of 16-bit samples. ICC profiles are not applied (sRGB is assumed; CMYK is
converted by the plain formula, with Adobe's inverted polarity for every CMYK JPEG, as other software does).
Metadata is never read, but for the orientation; where the pixels are all there, what else is missing does not matter.
"""

import hashlib
import os
import re
import stat
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from dgf.pipeline.file_kinds import HEAD_BYTES, kind_of_bytes
from dgf.pipeline.packed import NO_FILE, PackedError, PackedPhoto, find_packed
from dgf.pipeline.photos.base import BROKEN, MAX_PIXELS, TRUNCATED, UNKNOWN, Container, Damaged
from dgf.pipeline.photos.base import ImageError as ImageError
from dgf.pipeline.photos.bmp_and_webp import read_bmp, read_webp
from dgf.pipeline.photos.gif import read_gif
from dgf.pipeline.photos.jpeg import read_jpeg
from dgf.pipeline.photos.png import read_png
from dgf.pipeline.photos.rgb import read_rgb
from dgf.pipeline.photos.tiff import read_tiff

MAX_BYTES = 1 << 26

_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+:/", re.IGNORECASE)


def resolve_photo(root: Path, image_id: str) -> Path | PackedPhoto:
    """Find the file of a photo, with every link followed, or where it is packed.

    Args:
        root: Folder of the photos (it may itself be a link).
        image_id: POSIX path relative to it, which may go through a tar or Parquet file as through a folder.

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
    except FileNotFoundError:
        raise ImageError(NO_FILE) from None
    except NotADirectoryError:
        packed = find_packed(base, parts)
        if (fault := NO_FILE if packed is None else packed.fault()) is not None:
            raise ImageError(fault) from None
        assert packed is not None
        return packed
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
    data = _read_packed(path) if isinstance(path, PackedPhoto) else _read_file(path)
    if not data:
        raise ImageError("empty file")
    if len(data) > MAX_BYTES:
        raise ImageError(f"larger than {MAX_BYTES >> 20} MiB")
    return data


def _read_packed(photo: PackedPhoto) -> bytes:
    try:
        return photo.read(MAX_BYTES + 1)
    except PackedError as error:
        raise ImageError(str(error)) from None


def _read_file(path: Path) -> bytes:
    try:
        # The path is resolved, so a link here was put in place since; and a pipe put in place must not block.
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise ImageError("not a regular file")
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ImageError(_system_reason(error)) from None


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
        container = _open(data, "fail")
    except ImageError:
        raise
    except Exception as error:
        raise _broken(error) from None
    width, height = container.size
    return (width, height) if container.orientation >= 5 else (height, width)


def decode(data: bytes, damaged: Damaged = "fail") -> npt.NDArray[np.uint8]:
    """Decode a photo.

    Args:
        data: The file.
        damaged: Whether pixels made of damaged data are a failure, or used where the decoder makes any.

    Returns:
        (H, W, 3) uint8 RGB, upright.

    Raises:
        ImageError: See `probe`; or the pixels are cut off, broken, or of a kind with no one reading as RGB.
    """
    try:
        return read_rgb(_open(data, damaged))
    except ImageError:
        raise
    # Pillow's parsers raise nearly every exception there is on hostile bytes.
    except Exception as error:
        raise _broken(error) from None


def _open(data: bytes, damaged: Damaged) -> Container:
    """Read the header of one of the known formats and refuse a bomb; nothing is decoded."""
    container = _read_container(data, damaged)
    container.check_size()
    return container


def _read_container(data: bytes, damaged: Damaged) -> Container:
    """What may be decoded. Pillow knows far more, each a parser that a hostile file could reach."""
    if data.startswith(b"\xff\xd8\xff"):
        return read_jpeg(data, damaged)
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return read_png(data, damaged)
    if data.startswith((b"GIF87a", b"GIF89a")):
        return read_gif(data)
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return read_webp(data)
    if data.startswith(b"BM"):
        return read_bmp(data)
    if data.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        return read_tiff(data)
    kind = kind_of_bytes(data[:HEAD_BYTES])
    raise ImageError(f"not an image that is read: {kind.name}" if kind is not None and kind.hint else UNKNOWN)


def _broken(error: Exception) -> ImageError:
    if isinstance(error, Image.DecompressionBombError | Image.DecompressionBombWarning):
        return ImageError(f"more than {MAX_PIXELS:,} pixels")
    if isinstance(error, MemoryError):
        return ImageError("does not fit in memory")
    if isinstance(error, UnidentifiedImageError):
        return ImageError(UNKNOWN)
    return ImageError(TRUNCATED if isinstance(error, EOFError) or "runcated" in str(error) else BROKEN)
