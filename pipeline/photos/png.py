"""PNG: the chunks that decide the pixels; the others may be large, damaged or many."""

import struct
import zlib
from collections.abc import Iterator
from functools import partial
from io import BytesIO

from PIL import Image

from dgf.pipeline.photos.base import (
    BROKEN,
    DAMAGED,
    MAX_COSTLY_PIXELS,
    MAX_PIXELS,
    TRUNCATED,
    UNKNOWN,
    Container,
    Damaged,
    ImageError,
)
from dgf.pipeline.photos.exif import read_orientation

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_MAX_CHUNKS = 100_000
"""A photo of 64 MiB has 8,000 where a chunk holds 8 KiB, as most programs write."""

_END = b"\0\0\0\0IEND\xae\x42\x60\x82"

_COLORS = 2
"""The header's kind of color where a pixel has red, green and blue."""

_TRANSPARENCY = {0: (2,), _COLORS: (6,), 3: range(1, 257)}
"""How long what is transparent may be, by the header's kind of color."""

_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Samples of a pixel by the header's kind of color."""

_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""First column and row, and steps to the next, of the seven pictures in an interlaced one."""

_PIECE = 1 << 20
"""Bytes inflated at once."""


class _Chunk:
    """A chunk of the file: its kind, its body, and whether it is whole."""

    __slots__ = ("body", "data", "kind", "whole")

    def __init__(self, data: memoryview, start: int) -> None:
        (length,) = struct.unpack_from(">I", data, start)
        self.kind = bytes(data[start + 4 : start + 8])
        self.body = data[start + 8 : start + 8 + length]
        self.data = data[start + 4 : start + 12 + length]
        self.whole = len(self.data) == length + 8

    @property
    def intact(self) -> bool:
        """Whether its checksum, if it is there, agrees."""
        checksum = bytes(self.data[-4:])
        return not self.whole or zlib.crc32(self.data[:-4]) == int.from_bytes(checksum, "big")


def read_png(data: bytes, damaged: Damaged) -> Container:
    """Read the chunks before the pixels.

    A damaged chunk that the pixels do not depend on is as if it were not there.

    Raises:
        ImageError: They are cut off or broken.
    """
    chunks = _chunks(memoryview(data))
    header = next(chunks, None)
    if header is None or header.kind != b"IHDR" or len(header.body) != 13 or not (header.whole and header.intact):
        raise ImageError(UNKNOWN)
    width, height, depth, color = struct.unpack_from(">IIBB", header.body)
    kept, orientation = [header], 1
    for chunk in chunks:
        if chunk.kind == b"IDAT":
            load = partial(_load, kept, chunk, chunks, strict=damaged == "fail")
            most = _max_pixels(depth * _SAMPLES.get(color, 4))
            return Container((width, height), load, orientation, max_pixels=most)
        if not chunk.whole:
            raise ImageError(TRUNCATED)
        if chunk.kind == b"PLTE" and not chunk.intact:
            raise ImageError(BROKEN)
        if chunk.kind == b"PLTE":
            kept.append(chunk)
        if chunk.kind == b"tRNS" and chunk.intact and len(chunk.body) in _TRANSPARENCY.get(color, ()):
            if (depth, color) == (16, _COLORS):
                raise ImageError("a transparent color in 16 bits is not supported")
            kept.append(chunk)
        if chunk.kind == b"eXIf" and chunk.intact:
            orientation = read_orientation(bytes(chunk.body))
        if chunk.kind == b"IEND":
            raise ImageError(UNKNOWN)
    raise ImageError(TRUNCATED)


def _max_pixels(bits: int) -> int:
    """How many pixels of so many bits are read in a few seconds."""
    if bits <= 8:
        return MAX_PIXELS
    return MAX_COSTLY_PIXELS if bits <= 32 else MAX_COSTLY_PIXELS // 2


def _chunks(data: memoryview) -> Iterator[_Chunk]:
    start = len(_SIGNATURE)
    for _ in range(_MAX_CHUNKS):
        if start + 8 > len(data):
            return
        chunk = _Chunk(data, start)
        yield chunk
        start += 4 + len(chunk.data)
    raise ImageError("too many PNG chunks")


def _load(kept: list[_Chunk], first: _Chunk, others: Iterator[_Chunk], *, strict: bool) -> Image.Image:
    """Decode a PNG of nothing but the chunks that decide the pixels, with all coded data in one of them."""
    pixels = [first]
    for chunk in others:
        if chunk.kind != b"IDAT":
            break
        pixels.append(chunk)
    if strict and not all(chunk.intact for chunk in pixels):
        raise ImageError(DAMAGED)
    bodies = [chunk.body for chunk in pixels]
    head = b"".join(struct.pack(">I", len(chunk.body)) + chunk.data for chunk in kept)
    length = struct.pack(">I", sum(map(len, bodies)))
    checksum = bytes(4)  # Pillow does not look at it
    clean = b"".join([_SIGNATURE, head, length, b"IDAT", *bodies, checksum, _END])
    image = Image.open(BytesIO(clean), formats=("PNG",))
    if strict and image.mode not in ("I", "F"):
        _check_rows(image, kept[0].body, bodies)
    return image


def _check_rows(image: Image.Image, header: memoryview, bodies: list[memoryview]) -> None:
    """Refuse coded data that ends in good order with rows missing: Pillow leaves them black."""
    # The row that comes last: in an interlaced picture the last of the odd ones, if there are any.
    interlaced = header[12] != 0
    last = image.height - 1 - (image.height % 2 if interlaced else 0)
    if last >= 0 and any(image.crop((0, last, image.width, last + 1)).tobytes()):
        return
    needed, inflater = _count_bytes(header), zlib.decompressobj()
    for body in bodies:
        todo: bytes | memoryview = body
        while needed > 0 and (piece := inflater.decompress(todo, _PIECE)):
            needed -= len(piece)
            todo = inflater.unconsumed_tail
    if needed > 0:
        raise ImageError(TRUNCATED)


def _count_bytes(header: memoryview) -> int:
    """Bytes of all rows before compression, each with the one that says how it is filtered."""
    width, height, depth, color, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    passes = _PASSES if interlaced else ((0, 0, 1, 1),)
    total = 0
    for left, top, across, down in passes:
        columns, rows = -(-(width - left) // across), -(-(height - top) // down)
        if columns > 0 and rows > 0:
            total += rows * (1 + -(-columns * depth * _SAMPLES[color] // 8))
    return total
