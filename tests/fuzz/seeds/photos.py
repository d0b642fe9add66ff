"""Small photos of every format that is read, in the kinds that take different ways through a decoder."""

import io
import struct
import zlib
from functools import cache
from typing import Any

import numpy as np
from PIL import Image

from .. import Files

_WIDTH, _HEIGHT = 24, 18


@cache
def _picture() -> Image.Image:
    across, down = np.meshgrid(np.arange(_WIDTH), np.arange(_HEIGHT))
    noise = np.random.default_rng(0).integers(0, 40, (_HEIGHT, _WIDTH))
    pixels = np.stack([across * 9 + noise, down * 12, 255 - across * down // 2], 2)
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def _saved(form: str, mode: str = "RGB", **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture = _picture().quantize(16) if mode == "P" else _picture().convert(mode)
    if options.get("save_all"):
        options["append_images"] = [picture.transpose(Image.Transpose.ROTATE_180), picture]
    picture.save(buffer, form, **options)
    return buffer.getvalue()


def _exif(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010E] = "a picture"
    return exif


def jpeg() -> list[Files]:
    kinds = [
        _saved("JPEG", quality=90),
        _saved("JPEG", quality=60, progressive=True),
        _saved("JPEG", "L"),
        _saved("JPEG", "CMYK"),
        _saved("JPEG", exif=_exif(6), optimize=True, restart_marker_blocks=2),
        _saved("JPEG", subsampling=0, icc_profile=bytes(200), comment=b"none"),
        _saved("MPO", save_all=True),
    ]
    return [{"photo.jpg": data} for data in kinds]


def png() -> list[Files]:
    gray = np.asarray(_picture().convert("L")).astype(np.uint16) << 8
    buffer = io.BytesIO()
    Image.fromarray(gray).save(buffer, "PNG", transparency=256)
    kinds = [
        _saved("PNG"),
        _saved("PNG", "P", transparency=2),
        _saved("PNG", "P", bits=2),
        _saved("PNG", "P", transparency=bytes(range(16))),
        _saved("PNG", "RGBA"),
        _saved("PNG", "LA", exif=_exif(8)),
        _saved("PNG", "1"),
        _saved("PNG", save_all=True),
        _saved("PNG", icc_profile=bytes(100), dpi=(72, 72)),
        buffer.getvalue(),
        _interlaced(8, 2),
        _interlaced(16, 6),
    ]
    return [{"photo.png": data} for data in kinds]


def _interlaced(depth: int, color: int) -> bytes:
    """A PNG of Adam7's seven passes, which Pillow does not write."""
    bytes_a_pixel = {2: 3, 6: 4}[color] * depth // 8
    passes = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
    rows = b""
    for left, top, across, down in passes:
        columns = len(range(left, _WIDTH, across))
        rows += b"".join(b"\1" + bytes(range(columns * bytes_a_pixel)) for _ in range(top, _HEIGHT, down))
    header = struct.pack(">IIBBBBB", _WIDTH, _HEIGHT, depth, color, 0, 0, 1)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )


def gif() -> list[Files]:
    kinds = [_saved("GIF", "P"), _saved("GIF", "P", transparency=1, interlace=1), _saved("GIF", "L", comment=b"none")]
    kinds.append(_saved("GIF", "P", save_all=True, loop=0, duration=40, disposal=2))
    return [{"photo.gif": data} for data in kinds]


def webp() -> list[Files]:
    kinds = [
        _saved("WEBP", quality=60),
        _saved("WEBP", lossless=True),
        _saved("WEBP", "RGBA", quality=50, exif=_exif(5)),
        _saved("WEBP", "RGBA", lossless=True, icc_profile=bytes(100)),
        _saved("WEBP", save_all=True, duration=40),
    ]
    return [{"photo.webp": data} for data in kinds]


def bmp() -> list[Files]:
    palette = b"".join(bytes((level, level, 255 - level, 0)) for level in range(0, 256, 16))
    eight = b"".join(bytes((_WIDTH, row % 16)) + b"\0\0" for row in range(_HEIGHT)) + b"\0\1"
    four = b"".join(bytes((0, _WIDTH)) + bytes(_WIDTH // 2) + b"\0\0" for _ in range(_HEIGHT)) + b"\0\1"
    sixteen = bytes(2 * _WIDTH * _HEIGHT)
    kinds = [
        _saved("BMP"),
        _saved("BMP", "P"),
        _saved("BMP", "1"),
        _saved("BMP", "RGBA"),
        _bitmap(8, 1, palette, eight),
        _bitmap(4, 2, palette, four),
        _bitmap(16, 3, struct.pack("<III", 0xF800, 0x7E0, 0x1F), sixteen),
        _bitmap(16, 0, b"", sixteen),
    ]
    return [{"photo.bmp": data} for data in kinds]


def _bitmap(bits: int, compression: int, table: bytes, pixels: bytes) -> bytes:
    """A BMP by hand, for the compressions that Pillow does not write."""
    colors = len(table) // 4 if bits <= 8 else 0
    info = struct.pack("<IiiHHIIiiII", 40, _WIDTH, _HEIGHT, 1, bits, compression, len(pixels), 0, 0, colors, 0)
    start = 14 + len(info) + len(table)
    return b"BM" + struct.pack("<IHHI", start + len(pixels), 0, 0, start) + info + table + pixels


def tiff() -> list[Files]:
    compressions = ("raw", "tiff_lzw", "packbits", "tiff_adobe_deflate", "jpeg")
    kinds = [_saved("TIFF", compression=name) for name in compressions]
    kinds += [_saved("TIFF", "1", compression=name) for name in ("group3", "group4", "tiff_ccitt")]
    kinds += [_saved("TIFF", mode) for mode in ("L", "P", "RGBA", "CMYK", "I;16", "F")]
    kinds.append(_saved("TIFF", save_all=True, tiffinfo={0x0112: 6}))
    kinds.append(_saved("TIFF", compression="zstd") if _has_zstd() else _saved("TIFF", "YCbCr"))
    lab = io.BytesIO()
    Image.frombytes("LAB", _picture().size, _picture().tobytes()).save(lab, "TIFF")  # converted, it differs each time
    return [{"photo.tiff": data} for data in (*kinds, lab.getvalue())]


@cache
def _has_zstd() -> bool:
    try:
        _saved("TIFF", compression="zstd")
    except (OSError, KeyError, ValueError):
        return False
    return True
