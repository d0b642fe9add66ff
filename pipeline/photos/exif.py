"""The one thing that EXIF says of the pixels: which way is up."""

import struct

_ORIENTATION = 0x0112
_INTEGERS = {1: "B", 3: "H", 4: "L"}
"""Types of a value, as struct spells them."""


def read_orientation(exif: bytes) -> int:
    """Read the orientation, 1 to 8; broken EXIF is no reason to refuse the pixels, so it is 1 there."""
    while exif.startswith(b"Exif\0\0"):
        exif = exif[6:]
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    if order is None:
        return 1
    try:
        (start,) = struct.unpack_from(order + "L", exif, 4)
        (count,) = struct.unpack_from(order + "H", exif, start)
        for position in range(start + 2, start + 2 + 12 * count, 12):
            tag, kind, values = struct.unpack_from(order + "HHL", exif, position)
            if tag == _ORIENTATION and kind in _INTEGERS and values:
                (value,) = struct.unpack_from(order + _INTEGERS[kind], exif, position + 8)
                return value if 1 <= value <= 8 else 1
    except struct.error:
        pass
    return 1
