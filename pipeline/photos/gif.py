"""GIF: the first frame, on a white canvas."""

import struct
from functools import partial
from io import BytesIO

from PIL import Image

from dgf.pipeline.photos.base import TRUNCATED, UNKNOWN, Container, ImageError

_MAX_BLOCKS = 1_000_000
"""A file of 64 MiB has some 260,000 where they are full, as all programs write them."""

_EXTENSION, _FRAME = 0x21, 0x2C
_GRAPHIC_CONTROL = 0xF9


def read_gif(data: bytes) -> Container:
    """Read up to the first frame, which may be smaller than the canvas, or leave it and so enlarge it.

    Raises:
        ImageError: There is none.
    """
    if len(data) < 13:
        raise ImageError(UNKNOWN)
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    position = 13 + _table_size(flags)
    colors, control, blocks = data[13:position], b"", 0
    while position < len(data):
        if data[position] == _FRAME:
            if position + 10 > len(data):
                raise ImageError(TRUNCATED)
            left, top, across, down = struct.unpack_from("<HHHH", data, position + 1)
            size = (max(width, left + across), max(height, top + down))
            head = data[:6] + struct.pack("<HH", across, down) + data[10:13] + colors + control
            load = partial(_load, head, data, position)
            return Container(size, load, corner=(left, top))
        if data[position] == _EXTENSION:
            start = position
            position, blocks = _skip_blocks(data, start + 2, blocks)
            if data[start + 1 : start + 3] == bytes((_GRAPHIC_CONTROL, 4)):
                control = data[start : start + 7] + b"\0"
        elif data[position] == 0x3B:
            break
        else:
            position, blocks = position + 1, _count(blocks)
    raise ImageError(UNKNOWN)


def _load(head: bytes, data: bytes, position: int) -> Image.Image:
    """Decode a GIF of the first frame alone, as large as that."""
    codes = position + 10 + _table_size(data[position + 9])
    end, _ = _skip_blocks(data, codes + 1, 0)
    frame = bytes((_FRAME, 0, 0, 0, 0)) + data[position + 5 : end]
    return Image.open(BytesIO(head + frame + b";"), formats=("GIF",))


def _table_size(flags: int) -> int:
    """Bytes of a table of colors, by the flags that announce it."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _skip_blocks(data: bytes, position: int, blocks: int) -> tuple[int, int]:
    """Go behind a chain of blocks; gives back where that is, and how many blocks there were until then."""
    while position < len(data) and data[position]:
        position, blocks = position + 1 + data[position], _count(blocks)
    return position + 1, blocks


def _count(blocks: int) -> int:
    if blocks >= _MAX_BLOCKS:
        raise ImageError("too many GIF blocks")
    return blocks + 1
