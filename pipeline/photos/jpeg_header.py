"""The header of a JPEG: of all its segments, those that decide the pixels."""

import re
import struct
from dataclasses import dataclass

from dgf.pipeline.photos.base import BROKEN, TRUNCATED, UNKNOWN, ImageError
from dgf.pipeline.photos.exif import read_orientation

SOI, EOI, SOS, DRI = 0xD8, 0xD9, 0xDA, 0xDD
RESTARTS = range(0xD0, 0xD8)
MARKER = re.compile(rb"\xff[^\x00\xff]")
"""In coded data an FF that is no marker is followed by a zero; before a marker there may be more FF."""

MAX_SEGMENTS = 10_000
"""A photo has some dozens, a progressive one with a large profile a few hundred."""

_MAX_TABLES = 1 << 16
"""Bytes of tables before the first scan; a photo has about 1,000."""

_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_ALONE = frozenset({0x01, *RESTARTS})
"""Markers without a segment."""

_MODES = {1: "L", 3: "RGB", 4: "CMYK"}


@dataclass(frozen=True, slots=True)
class Frame:
    """Size and kind of a JPEG.

    Args:
        kind: The marker that began it.
        size: (width, height).
        components: (id, horizontal, vertical factor of sampling) of each.
    """

    kind: int
    size: tuple[int, int]
    components: tuple[tuple[int, int, int], ...]

    @property
    def mode(self) -> str:
        """Pillow's name for such pixels."""
        return _MODES[len(self.components)]

    @property
    def progressive(self) -> bool:
        """Whether each scan makes the picture finer."""
        return self.kind in (0xC2, 0xC6, 0xCA, 0xCE)

    @property
    def huffman(self) -> bool:
        """Whether it is coded in the usual way, in which damage can be seen."""
        return self.kind in (0xC0, 0xC1, 0xC2)

    def blocks(self, name: int) -> int:
        """8x8 blocks of the component with this id."""
        widest = max(across for _, across, _ in self.components)
        tallest = max(down for _, _, down in self.components)
        across, down = next(((x, y) for known, x, y in self.components if known == name), (widest, tallest))
        return -(-self.size[0] * across // (8 * widest)) * -(-self.size[1] * down // (8 * tallest))

    def stretches(self, names: bytes, interval: int) -> int:
        """How many stretches of codes a scan of some components has, with a restart marker after each interval."""
        if interval == 0:
            return 1
        if len(names) == 1:
            return -(-self.blocks(names[0]) // interval)
        across = max(factor for _, factor, _ in self.components)
        down = max(factor for _, _, factor in self.components)
        units = -(-self.size[0] // (8 * across)) * -(-self.size[1] // (8 * down))
        return -(-units // interval)


@dataclass(frozen=True, slots=True)
class JpegHeader:
    """Everything before the first scan.

    Args:
        frame: Size and kind.
        orientation: Of its EXIF, 1 to 8.
        tables: The segments that decide the pixels, as a decoder reads them.
        scans: Where in the file the first scan begins.
        single: Whether the first scan holds all there is.
        interval: How many units of pixels lie between restart markers; 0 for no such markers.
    """

    frame: Frame
    orientation: int
    tables: bytes
    scans: int
    single: bool
    interval: int


def read_jpeg_header(data: bytes) -> JpegHeader:
    """Read up to the first scan; profiles, thumbnails and comments are left out.

    Raises:
        ImageError: It is cut off, broken, of a kind that is not known, or has too many segments.
    """
    tables = bytearray(b"\xff\xd8")
    frame, exif, interval = None, b"", 0
    position = 2
    for _ in range(MAX_SEGMENTS):
        marker, start, position = next_segment(data, position)
        if marker == EOI:
            raise ImageError(UNKNOWN)
        if marker == SOS:
            if frame is None:
                raise ImageError(BROKEN)
            single = not frame.progressive and data[start + 4] >= len(frame.components)
            return JpegHeader(frame, read_orientation(exif), bytes(tables), start, single, interval)
        body = data[start + 4 : position]
        if marker in _FRAMES:
            if frame is not None:
                raise ImageError(BROKEN)
            frame = _read_frame(marker, body)
        if marker == 0xE1 and body.startswith(b"Exif\0\0") and not exif:
            exif = body
        if marker == DRI:
            interval = read_interval(body)
        if _decides_pixels(marker, body):
            tables += data[start:position]
        if len(tables) > _MAX_TABLES:
            break
    raise ImageError("too many JPEG segments")


def next_segment(data: bytes, position: int) -> tuple[int, int, int]:
    """Find the next marker from a position on; what lies before it is skipped, as decoders do.

    Returns:
        Marker, where it starts, and where its segment ends.

    Raises:
        ImageError: There is none, or it is cut off, or has an impossible length.
    """
    found = MARKER.search(data, position)
    if found is None:
        raise ImageError(TRUNCATED)
    marker, start, position = data[found.end() - 1], found.start(), found.end()
    if marker == SOI:
        raise ImageError(BROKEN)
    if marker == EOI or marker in _ALONE:
        return marker, start, position
    if position + 2 > len(data):
        raise ImageError(TRUNCATED)
    (length,) = struct.unpack_from(">H", data, position)
    if length < (3 if marker == SOS else 2):
        raise ImageError(BROKEN)
    if position + length > len(data):
        raise ImageError(TRUNCATED)
    return marker, start, position + length


def read_interval(body: bytes) -> int:
    """Read how many units of pixels lie between restart markers."""
    return int.from_bytes(body[:2], "big")


def skipped(marker: int) -> bool:
    """Whether a segment says nothing of the pixels, wherever it lies."""
    return marker >= 0xE0 or marker in _ALONE


def _decides_pixels(marker: int, body: bytes) -> bool:
    if marker == 0xE0:
        return body.startswith(b"JFIF\0") and len(body) < 256
    if marker == 0xEE:
        return body.startswith(b"Adobe") and len(body) < 256
    return not skipped(marker)


def _read_frame(marker: int, body: bytes) -> Frame:
    if len(body) < 6:
        raise ImageError(UNKNOWN)
    precision, height, width, count = struct.unpack_from(">BHHB", body)
    if precision != 8 or count not in _MODES or len(body) != 6 + 3 * count:
        raise ImageError(UNKNOWN)
    components = tuple((body[at], body[at + 1] >> 4, body[at + 1] & 15) for at in range(6, len(body), 3))
    if not all(1 <= across <= 4 and 1 <= down <= 4 for _, across, down in components):
        raise ImageError(BROKEN)
    return Frame(marker, (width, height), components)
