"""The pixels of a JPEG, scan by scan, and whether its coded data is what was stored.

Damaged data still decodes to pixels, and neither Pillow nor browsers tell. But a damaged stretch of Huffman codes
seldom ends where its pixels end. A stretch is what lies between two markers. The decoder gets each in two helpings:
- all but its last bytes. If it wants none of the rest, codes are left over.
- the rest, and after it bits that are no code. If it is still not through, codes are missing.
What it wants shows in what it takes: within codes it takes only whole units, of which it reads some bytes ahead; after
them it takes anything, looking for a marker. Bits after the codes change no pixel of an undamaged photo.
"""

from collections import defaultdict
from functools import partial

from PIL import Image

from dgf.pipeline.photos.base import (
    BROKEN,
    DAMAGED,
    MAX_COSTLY_PIXELS,
    MAX_PIXELS,
    TRUNCATED,
    Container,
    Damaged,
    ImageError,
)
from dgf.pipeline.photos.jpeg_header import (
    DRI,
    EOI,
    MARKER,
    MAX_SEGMENTS,
    RESTARTS,
    SOS,
    Frame,
    JpegHeader,
    next_segment,
    read_interval,
    read_jpeg_header,
    skipped,
)

_MAX_BLOCKS = 15_000_000
"""Blocks that all scans together may go through; the largest progressive photo that programs write has 6 million."""

_MAX_CHECKED = 100_000
"""Stretches that are checked; each takes a few microseconds."""

_MAX_RESTARTS = 1_000_000
"""Restart markers of a scan; one a block in a photo of 64 million pixels."""

_SLACK = 8
"""Bytes that may be left over: some cameras write a few more than they need."""

_NO_CODE = b"\xff\x00" * 8
"""Bits that are no Huffman code, as many as the decoder reads ahead."""

_COEFFICIENTS = 64


def read_jpeg(data: bytes, damaged: Damaged) -> Container:
    """Read the header of a JPEG.

    Raises:
        ImageError: It is broken.
    """
    header = read_jpeg_header(data)
    # With several scans the decoder holds all coefficients, and goes through them at each; arithmetic takes long.
    most = MAX_PIXELS if header.single and header.frame.huffman else MAX_COSTLY_PIXELS
    load = partial(_decode, data, header, strict=damaged == "fail" and header.frame.huffman)
    return Container(header.frame.size, load, header.orientation, max_pixels=most)


def _decode(data: bytes, header: JpegHeader, *, strict: bool) -> Image.Image:
    """Decode all scans; `strict` refuses data that is damaged."""
    decoder = _Decoder(header.frame)
    try:
        decoder.feed(header.tables)
        _feed_scans(decoder, data, header, strict=strict)
        decoder.finish()
    finally:
        decoder.close()
    if not decoder.done:
        raise ImageError(BROKEN)
    return decoder.image


class _Decoder:
    """Pillow's decoder, which takes its data piece by piece; `rest` is what it did not take yet.

    One of arithmetic codes must have them at once, so they are gathered until `finish`.
    """

    def __init__(self, frame: Frame) -> None:
        self.image = Image.new(frame.mode, frame.size)
        self.done = False
        self.rest = b""
        self.gathered: list[bytes] | None = None if frame.huffman else []
        # CMYK is stored inverted, as Adobe does.
        arguments = ("CMYK;I" if frame.mode == "CMYK" else frame.mode, "")
        self._decoder = Image._getdecoder(frame.mode, "jpeg", arguments, ())
        self._decoder.setimage(self.image.im, (0, 0, *frame.size))

    def feed(self, piece: bytes | memoryview) -> None:
        if self.gathered is not None:
            self.gathered.append(bytes(piece))
        elif not self.done and len(piece):
            self._decode(self.rest + piece if self.rest else piece)

    def finish(self) -> None:
        if self.gathered is not None:
            self._decode(b"".join(self.gathered))

    def close(self) -> None:
        self._decoder.cleanup()

    def _decode(self, data: bytes | memoryview) -> None:
        taken, error = self._decoder.decode(data)
        self.done = taken < 0
        if error:
            raise ImageError(BROKEN)
        self.rest = b"" if self.done else bytes(data[taken:])


def _feed_scans(decoder: _Decoder, data: bytes, header: JpegHeader, *, strict: bool) -> None:
    position, blocks, interval = header.scans, 0, header.interval
    final: defaultdict[int, set[int]] = defaultdict(set)
    for _ in range(MAX_SEGMENTS):
        # A picture that lacks nothing but its end is whole.
        if MARKER.search(data, position) is None and _complete(header.frame, final):
            return decoder.feed(bytes((0xFF, EOI)))
        marker, start, position = next_segment(data, position)
        if skipped(marker):
            continue
        decoder.feed(data[start:position])
        if marker == EOI:
            return None
        body = data[start + 4 : position]
        if marker == DRI:
            interval = read_interval(body)
        if marker == SOS:
            names = body[1 : 1 + 2 * body[0] : 2]
            _note_final(header.frame, names, body[1 + 2 * len(names) :], final)
            blocks += sum(header.frame.blocks(name) for name in names)
            if blocks > _MAX_BLOCKS:
                raise ImageError("too many JPEG scans")
            stretches = header.frame.stretches(names, interval)
            position = _feed_scan(decoder, memoryview(data), position, stretches, strict=strict)
        if decoder.done:
            return None
    raise ImageError("too many JPEG segments")


def _note_final(frame: Frame, names: bytes, parameters: bytes, final: dict[int, set[int]]) -> None:
    """Add the coefficients of each component that a scan brings to full precision to `final`."""
    if len(parameters) < 3:
        raise ImageError(BROKEN)
    first, last, precision = parameters[:3]
    for name in names:
        if not frame.progressive:
            final[name].update(range(_COEFFICIENTS))
        elif precision & 15 == 0:
            final[name].update(range(first, last + 1))


def _complete(frame: Frame, final: dict[int, set[int]]) -> bool:
    return all(final[name].issuperset(range(_COEFFICIENTS)) for name, _, _ in frame.components)


def _feed_scan(decoder: _Decoder, view: memoryview, position: int, stretches: int, *, strict: bool) -> int:
    """Feed the coded data of a scan, with the restart markers between its stretches; gives back where it ends."""
    start = position
    for restarts in range(_MAX_RESTARTS):
        found = MARKER.search(view, position)
        end = found.start() if found else len(view)
        if found is None and decoder.gathered is not None:
            raise ImageError(TRUNCATED)
        # Without a marker behind it, only a check tells whether anything is missing.
        if found is None or (strict and restarts < _MAX_CHECKED):
            _feed_stretch(decoder, view, start, end, strict=strict)
            start = end
        if decoder.done or found is None or view[found.end() - 1] not in RESTARTS:
            if not decoder.done and restarts + 1 < stretches and (strict or found is None):
                raise ImageError(DAMAGED if found else TRUNCATED)
            decoder.feed(view[start:end])
            return end
        if strict and view[found.end() - 1] != RESTARTS[restarts % len(RESTARTS)]:
            raise ImageError(DAMAGED)
        position = found.end()
        if start == end:
            decoder.feed(view[start:position])
            start = position
    raise ImageError("too many JPEG restart markers")


def _feed_stretch(decoder: _Decoder, view: memoryview, start: int, end: int, *, strict: bool) -> None:
    """Feed the codes up to a marker, or up to the end of the file.

    Raises:
        ImageError: Codes are left over (where `strict`) or missing.
    """
    reason = DAMAGED
    if end == len(view):
        reason = TRUNCATED
        # Zeros may fill the file up: then nearly all of them are left over.
        zeros = start + len(bytes(view[start:end]).rstrip(b"\0"))
        if end - zeros > 4 * _SLACK:
            decoder.feed(view[start : zeros + 2 * _SLACK])
            # The zero that tells whether it is through is one of them.
            start = zeros + 2 * _SLACK + (not decoder.rest)
            if _through(decoder):
                return
    while end > start and view[end - 1] == 0xFF:
        end -= 1
    # All but the last bytes, and one more: within codes the decoder would not take a single one.
    held = max(start, end - _SLACK)
    if held > start and view[held - 1] == 0xFF:
        held -= 1
    decoder.feed(view[start:held])
    if strict and held < end:
        more = held + (2 if view[held] == 0xFF else 1)
        if not decoder.done and not decoder.rest:
            decoder.feed(view[held:more])
            held = more
        if not decoder.rest:
            raise ImageError(DAMAGED)
    # The last bytes, and bits that are no code.
    decoder.feed(bytes(view[held:end]) + _NO_CODE)
    if not _through(decoder):
        raise ImageError(reason)


def _through(decoder: _Decoder) -> bool:
    """Whether the decoder has all codes it wants: then it takes a byte more, which must be one that could follow."""
    if not decoder.done and not decoder.rest:
        decoder.feed(b"\0")
    return decoder.done or not decoder.rest
