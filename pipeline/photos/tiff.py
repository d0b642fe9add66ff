"""TIFF: the first picture, read by a directory of nothing but the entries that decide its pixels."""

import struct
from collections.abc import Iterable
from functools import partial
from io import BytesIO

from PIL import Image

from dgf.pipeline.photos.base import MAX_COSTLY_PIXELS, MAX_PIXELS, TRUNCATED, UNKNOWN, Container, ImageError

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _ORIENTATION, _SAMPLES = 256, 257, 258, 259, 274, 277
_STRIPS, _STRIP_BYTES, _TILE_WIDTH, _TILE_HEIGHT, _TILES, _TILE_BYTES = 273, 279, 322, 323, 324, 325
_KEPT = frozenset(
    {256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 284, 292, 293, 317, 320, 322, 323, 324, 325, 326, 327, 328}
    | {332, 338, 339, 347, *range(512, 522), 529, 530, 531, 532}
)
_TYPES = {1: "B", 2: "B", 3: "H", 4: "L", 5: "LL", 6: "b", 7: "B", 8: "h", 9: "l", 10: "ll", 11: "f", 12: "d"}
_TYPES |= {13: "L", 16: "Q", 17: "q", 18: "Q"}
"""What struct calls each type of a value."""

_MAX_DATA = 1 << 21
"""Bytes that the kept entries may have outside of the directory."""

_MAX_PARTS = 1 << 16
"""Strips or tiles; one a row in the highest photo."""

_MAX_SCANS = 30
"""JPEG scans in a strip or tile."""

_OVERLAP = 2
"""How often the strips may read a byte of the file, on the average. They should once."""

_JPEG = (6, 7)


def read_tiff(data: bytes) -> Container:
    """Read the directory of the first picture.

    Raises:
        ImageError: It is broken, or would take too long.
    """
    try:
        return _read(data)
    except struct.error:
        raise ImageError(TRUNCATED) from None


def _read(data: bytes) -> Container:
    # Read the entries of the first directory; the first of each tag counts.
    order, big = "<" if data[:2] == b"II" else ">", 43 in data[2:4]
    place, entry = ("Q", "HHQ8s") if big else ("L", "HHL4s")
    (start,) = struct.unpack_from(order + place, data, 8 if big else 4)
    counted = order + ("Q" if big else "H")
    (count,) = struct.unpack_from(counted, data, start)
    start += struct.calcsize(counted)
    size = struct.calcsize(order + entry)
    if count > 0xFFFF:
        raise ImageError("too many TIFF entries")
    kept: dict[int, bytes] = {}
    values: dict[int, tuple[int, ...]] = {}
    outside = 0
    for position in range(start, start + count * size, size):
        tag, kind, number, inline = struct.unpack_from(order + entry, data, position)
        if tag not in _KEPT | {_ORIENTATION} or tag in kept or kind not in _TYPES:
            continue
        length = number * struct.calcsize("=" + _TYPES[kind])
        outside += length
        if outside > _MAX_DATA:
            raise ImageError("too large TIFF entries")
        at = position + size - len(inline)
        if length > len(inline):
            (at,) = struct.unpack(order + place, inline)
        kept[tag] = data[position : position + size]
        values[tag] = struct.unpack_from(f"{order}{number * len(_TYPES[kind])}{_TYPES[kind][0]}", data, at)

    # Refuse what would take too long.
    width, height = (_one(values, tag) for tag in (_WIDTH, _HEIGHT))
    _check_parts(data, values, width, height)

    # Put a directory with the kept entries at the end of the file; the pixels stay where they are.
    end = len(data) + len(data) % 2
    orientation = _one(values, _ORIENTATION) if _ORIENTATION in values else 1
    kept.pop(_ORIENTATION, None)
    head = data[: 8 if big else 4] + struct.pack(order + place, end)
    directory = struct.pack(counted, len(kept)) + b"".join(kept.values()) + struct.pack(order + place, 0)
    load = partial(_load, data, head, bytes(end - len(data)) + directory)
    most = MAX_PIXELS if sum(_bits(values)) <= 8 else MAX_COSTLY_PIXELS
    return Container((width, height), load, orientation if orientation in range(1, 9) else 1, max_pixels=most)


def _load(data: bytes, head: bytes, directory: bytes) -> Image.Image:
    clean = b"".join([head, memoryview(data)[len(head) :], directory])
    return Image.open(BytesIO(clean), formats=("TIFF",))


def _one(values: dict[int, tuple[int, ...]], tag: int) -> int:
    """The one value of an entry that must be there."""
    found = values.get(tag, ())
    if not found or not isinstance(found[0], int):
        raise ImageError(UNKNOWN)
    return found[0]


def _bits(values: dict[int, tuple[int, ...]]) -> tuple[int, ...]:
    """Bits of each sample of a pixel."""
    bits = values.get(_BITS, (1,))
    samples = values.get(_SAMPLES, (len(bits),))[0]
    return bits if len(bits) > 1 else bits * min(samples, 8)


def _check_parts(data: bytes, values: dict[int, tuple[int, ...]], width: int, height: int) -> None:
    """Refuse strips and tiles that are too many, too large, or all the same large stretch of the file."""
    starts = values.get(_STRIPS, ()) + values.get(_TILES, ())
    lengths = values.get(_STRIP_BYTES, ()) + values.get(_TILE_BYTES, ())
    if len(starts) > _MAX_PARTS:
        raise ImageError("too many TIFF strips or tiles")
    if _TILE_WIDTH in values and _TILE_HEIGHT in values:
        across, down = _one(values, _TILE_WIDTH), _one(values, _TILE_HEIGHT)
        if across < 1 or down < 1:
            raise ImageError(UNKNOWN)
        if -(-width // across) * across * -(-height // down) * down > 2 * MAX_PIXELS:
            raise ImageError("too large TIFF tiles")
    if sum(min(length, len(data)) for length in lengths) > _OVERLAP * len(data):
        raise ImageError("TIFF strips or tiles that overlap")
    if values.get(_COMPRESSION, (1,))[0] in _JPEG:
        _check_scans(data, zip(starts, lengths, strict=False))


def _check_scans(data: bytes, parts: Iterable[tuple[int, int]]) -> None:
    for start, length in parts:
        if data.count(b"\xff\xda", start, start + length) > _MAX_SCANS:
            raise ImageError("too many JPEG scans")
