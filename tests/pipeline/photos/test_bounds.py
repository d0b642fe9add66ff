"""No file takes time or memory without bound: each kind that could is refused, for its reason, or read all the same.

The numbers are small where the bound allows it; how long the worst files take is measured outside of the tests.
"""

import struct
import zlib

import numpy as np
import pytest

from dgf.pipeline.photos import ImageError, decode, probe
from support.hostile_photos import Pixels, chunk, encoded, picture, png


def reason(data: bytes) -> str:
    with pytest.raises(ImageError) as error:
        decode(data)
    assert error.value.__cause__ is None
    return str(error.value)


@pytest.fixture
def jpeg() -> bytes:
    return encoded(picture(), "JPEG", quality=95, subsampling=0)


def test_progressive_scans_are_bounded_by_the_blocks_they_go_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dgf.pipeline.photos.jpeg._MAX_BLOCKS", 20_000)
    data = encoded(np.full((200, 200, 3), 128, np.uint8), "JPEG", progressive=True, subsampling=0)
    tail = data[data.rindex(b"\xff\xc4", 0, data.rindex(b"\xff\xda")) : -2]
    assert decode(data[:-2] + tail * 3 + b"\xff\xd9").shape == (200, 200, 3)
    assert reason(data[:-2] + tail * 40 + b"\xff\xd9") == "too many JPEG scans"


def test_many_scans_of_a_small_photo_are_bounded_too() -> None:
    data = encoded(picture(), "JPEG", progressive=True)
    tail = data[data.rindex(b"\xff\xda") : -2]
    assert reason(data[:-2] + tail * 12_000 + b"\xff\xd9") == "too many JPEG segments"


@pytest.mark.parametrize("filler", [b"\xff\xfe\0\2", b"\xff\xe1\0\2", b"\xff\xd0", b"\xff\x01"])
def test_segments_before_the_scans_are_bounded(jpeg: bytes, filler: bytes) -> None:
    assert np.array_equal(decode(jpeg[:2] + filler * 5_000 + jpeg[2:]), decode(jpeg))
    many = jpeg[:2] + filler * 20_000 + jpeg[2:]
    assert reason(many) == "too many JPEG segments"
    with pytest.raises(ImageError, match="too many JPEG segments"):
        probe(many)


def test_tables_before_the_scans_are_bounded(jpeg: bytes) -> None:
    table = b"\xff\xdb\0\x43" + b"\0" + b"\1" * 64
    assert reason(jpeg[:2] + table * 2_000 + jpeg[2:]) == "too many JPEG segments"


def test_fill_bytes_are_passed_over(jpeg: bytes) -> None:
    assert np.array_equal(decode(jpeg[:2] + b"\xff" * 1_000_000 + jpeg[2:]), decode(jpeg))
    assert np.array_equal(decode(jpeg[:2] + b"\xff\0" * 500_000 + jpeg[2:]), decode(jpeg))


def test_a_picture_in_scans_may_have_half_the_pixels(jpeg: bytes) -> None:
    plain, fine = bytearray(jpeg), bytearray(encoded(picture(), "JPEG", progressive=True))
    for data, marker in ((plain, b"\xff\xc0"), (fine, b"\xff\xc2")):
        at = data.index(marker)
        data[at + 5 : at + 9] = struct.pack(">HH", 5_000, 6_000)
    assert probe(bytes(plain)) == (5_000, 6_000)
    assert reason(bytes(fine)) == "more than 25,000,000 pixels"


def test_png_chunks_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dgf.pipeline.photos.png._MAX_CHUNKS", 1_000)
    data = encoded(picture(), "PNG")
    at = data.index(b"IDAT") - 4
    assert reason(data[:at] + chunk(b"teXt", b"") * 1_000 + data[at:]) == "too many PNG chunks"
    assert reason(data[:at] + chunk(b"IDAT", b"") * 1_000 + data[at:]) == "too many PNG chunks"


def test_a_png_in_many_chunks_is_read() -> None:
    rows = b"".join(b"\0" + row.tobytes() for row in picture())
    whole = png(64, 48, 8, 2, rows)
    coded = zlib.compress(rows)
    pieces = b"".join(chunk(b"IDAT", coded[at : at + 1]) for at in range(len(coded)))
    at = whole.index(b"IDAT") - 4
    assert np.array_equal(decode(whole[:at] + pieces + whole[-12:]), picture())


@pytest.mark.parametrize("interlaced", [0, 1])
@pytest.mark.parametrize("shape", [(48, 64), (47, 63), (1, 1), (3, 2)])
def test_png_data_that_ends_in_good_order_with_rows_missing_is_truncated(
    interlaced: int, shape: tuple[int, int]
) -> None:
    height, width = shape
    steps = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    parts = [np.zeros((height, width))[top::down, left::across] for left, top, across, down in steps]
    parts = parts if interlaced else [np.zeros(shape)]
    rows = b"".join(bytes(1 + part.shape[1]) for part in parts for _ in range(part.shape[0]) if part.size)
    whole = bytearray(png(width, height, 8, 0, rows))
    short = bytearray(png(width, height, 8, 0, rows[: -1 - parts[-1].shape[1]] if parts[-1].size else rows[:-1]))
    for data in (whole, short):
        data[28] = interlaced
        data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    assert decode(bytes(whole)).shape == (height, width, 3)
    assert reason(bytes(short)) == "truncated"


def gif() -> tuple[bytes, int]:
    data = encoded(picture()[:, :, 0], "GIF")
    return data, data.index(b",\0\0\0\0")


@pytest.mark.parametrize("filler", [b"!\xfe\1a\0", b"!\xff\1a\0", b"\0"])
def test_gif_blocks_are_bounded(filler: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dgf.pipeline.photos.gif._MAX_BLOCKS", 2_000)
    data, at = gif()
    assert np.array_equal(decode(data[:at] + filler * 1_000 + data[at:]), decode(data))
    assert reason(data[:at] + filler * 2_001 + data[at:]) == "too many GIF blocks"


def test_a_long_gif_comment_is_passed_over() -> None:
    data, at = gif()
    comment = b"!\xfe" + (b"\xff" + b"a" * 255) * 50_000 + b"\0"
    assert np.array_equal(decode(data[:at] + comment + data[at:]), decode(data))


def bmp(width: int, height: int, compression: int, coded: bytes) -> bytes:
    palette = bytes(range(256)) * 4
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, compression, len(coded), 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 0, 0, 0, 54 + len(palette)) + header + palette + coded


def test_run_lengths_of_a_bmp_are_bounded() -> None:
    assert decode(bmp(4, 2, 1, b"\4\7\0\0\4\7\0\1")).shape == (2, 4, 3)
    assert reason(bmp(2_001, 2_000, 1, b"")) == "too large for a BMP with run lengths"
    assert reason(bmp(4, 2, 1, bytes(4_000_000))) == "too large for a BMP with run lengths"


def test_a_row_that_is_too_long_is_refused() -> None:
    assert reason(bmp(65_536, 1, 0, bytes(65_536))) == "more than 65,535 pixels in a row or column"


def test_the_canvas_of_a_webp_is_bounded() -> None:
    data = bytearray(encoded(np.zeros((8, 8, 3), np.uint8), "WEBP"))
    header = b"VP8X" + struct.pack("<I", 10) + bytes(4) + struct.pack("<I", 4_999)[:3] + struct.pack("<I", 5_000)[:3]
    body = header + bytes(data[12:])
    wrong = b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body
    assert reason(wrong) in ("more than 25,000,000 pixels", "broken image data")


def tiff(entries: dict[int, tuple[int, int, bytes]], outside: bytes = b"") -> bytes:
    """A TIFF of given (type, count, value) by tag; 64 x 48 bytes of gray, `outside` after its directory."""
    every = {256: (4, 1, 64), 257: (4, 1, 48), 258: (3, 1, 8), 259: (3, 1, 1), 262: (3, 1, 1), 277: (3, 1, 1)}
    packed = {tag: (kind, count, struct.pack("<L", value)) for tag, (kind, count, value) in every.items()}
    packed |= {273: (4, 1, struct.pack("<L", 8)), 278: (4, 1, struct.pack("<L", 48))}
    packed |= {279: (4, 1, struct.pack("<L", 3072))}
    packed |= entries
    start = 8 + 3072
    body = b"".join(struct.pack("<HHL", tag, *head) + value for tag, (*head, value) in sorted(packed.items()))
    pixels = bytes(range(64)) * 48
    return b"II*\0" + struct.pack("<L", start) + pixels + struct.pack("<H", len(packed)) + body + bytes(4) + outside


def ramp() -> Pixels:
    return np.repeat(np.tile(np.arange(64, dtype=np.uint8), (48, 1))[:, :, None], 3, 2)


def test_entries_of_a_tiff_that_all_point_to_the_same_bytes_are_not_read() -> None:
    shared = (7, 3_000, struct.pack("<L", 8))
    assert np.array_equal(decode(tiff({tag: shared for tag in range(1_000, 60_000)})), ramp())


def test_what_the_entries_of_a_tiff_point_to_is_bounded() -> None:
    assert reason(tiff({320: (3, 2_000_000, struct.pack("<L", 8))})) == "too large TIFF entries"


def test_strips_of_a_tiff_are_bounded() -> None:
    many = (3, 65_537, struct.pack("<L", 8))
    assert reason(tiff({273: many, 279: many}, bytes(140_000))) == "too many TIFF strips or tiles"


def test_strips_that_all_read_the_whole_file_are_refused() -> None:
    lengths = struct.pack("<L", 3_000) * 48
    same = tiff({}, bytes(200))
    at = struct.pack("<L", len(same) + 100)
    entries = {278: (4, 1, struct.pack("<L", 1)), 273: (4, 48, at), 279: (4, 48, at)}
    assert reason(tiff(entries, bytes(400) + lengths * 2)) == "TIFF strips or tiles that overlap"


def test_tiles_of_a_tiff_are_bounded() -> None:
    side = (4, 1, struct.pack("<L", 30_000))
    tiles = {322: side, 323: side, 324: (4, 1, struct.pack("<L", 8)), 325: (4, 1, struct.pack("<L", 3_072))}
    assert reason(tiff(tiles)) == "too large TIFF tiles"


def test_jpeg_scans_inside_of_a_tiff_are_bounded() -> None:
    data = tiff({259: (3, 1, struct.pack("<L", 7))})
    assert reason(data[:8] + b"\xff\xda" * 31 + data[70:]) == "too many JPEG scans"


def test_only_the_first_page_of_a_tiff_is_looked_at() -> None:
    data = bytearray(tiff({}))
    data[-4:] = struct.pack("<L", 8)  # the next directory is in the middle of the pixels
    assert np.array_equal(decode(bytes(data)), ramp())


def test_the_bound_of_bytes_inflated_is_that_of_the_pixels() -> None:
    bomb = png(64, 48, 1, 0, bytes(20_000_000))
    assert np.array_equal(decode(bomb), np.zeros((48, 64, 3), np.uint8))
