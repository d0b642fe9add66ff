"""Mutators that know a photo's format: its parts are rewritten with lengths and checksums repaired."""

import struct
import zlib
from random import Random

from .blind import blind, number

Record = tuple[bytes, bytes]
"""Name and body of a chunk, a segment or a block."""

_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_NAMES = (
    b"IHDR",
    b"PLTE",
    b"IDAT",
    b"IEND",
    b"tRNS",
    b"gAMA",
    b"iCCP",
    b"tEXt",
    b"zTXt",
    b"iTXt",
    b"eXIf",
    b"acTL",
)
_PNG_NAMES += (b"fcTL", b"fdAT", b"pHYs", b"sRGB", b"cHRM")
_WEBP_NAMES = (b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"EXIF", b"XMP ", b"ICCP")
_EXIF = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"


def mutate_png(rng: Random, data: bytes) -> bytes:
    records, at = [], len(_PNG)
    while at + 8 <= len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        records.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += 12 + length
    if rng.random() < 0.3:
        records = [(name, _repacked(rng, body) if name == b"IDAT" else body) for name, body in records]
    else:
        records = change_records(rng, records, _PNG_NAMES, widths=(1, 2, 4), order="big")
    return _PNG + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in records
    )


def _repacked(rng: Random, body: bytes) -> bytes:
    """Pixels changed below the compression, or many more of them than the header says."""
    pixels = zlib.decompress(body)
    if rng.random() < 0.2:
        return zlib.compress(pixels + bytes(1 << rng.choice((10, 20, 24))))
    return zlib.compress(blind(rng, pixels, body))


def mutate_jpeg(rng: Random, data: bytes) -> bytes:
    records, at = [], 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != 0xDA:
        (length,) = struct.unpack(">H", data[at + 2 : at + 4])
        records.append((data[at : at + 2], data[at + 4 : at + 2 + length]))
        at += 2 + length
    scan = data[at:]
    if rng.random() < 0.25:
        scan = scan[:2] + blind(rng, scan[2:], data)
    else:
        names = tuple(bytes((0xFF, kind)) for kind in (*range(0xC0, 0xD0), *range(0xDA, 0xF0), 0xFE))
        records = change_records(rng, records, names, widths=(1, 2), order="big")
    segments = (name + struct.pack(">H", min(len(body) + 2, 65535)) + body[:65533] for name, body in records)
    return data[:2] + b"".join(segments) + scan


def mutate_webp(rng: Random, data: bytes) -> bytes:
    records = change_records(rng, riff_records(data[12:]), _WEBP_NAMES, widths=(1, 2, 3, 4), order="little")
    body = b"WEBP" + b"".join(
        name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2) for name, content in records
    )
    return b"RIFF" + struct.pack("<I", len(body)) + body


def riff_records(data: bytes) -> list[Record]:
    records, at = [], 0
    while at + 8 <= len(data):
        (length,) = struct.unpack("<I", data[at + 4 : at + 8])
        records.append((data[at : at + 4], data[at + 8 : at + 8 + length]))
        at += 8 + length + length % 2
    return records


def mutate_gif(rng: Random, data: bytes) -> bytes:
    """A field of the screen or of an image, a block more, less or twice."""
    palette = 3 << ((data[10] & 7) + 1) if data[10] & 0x80 else 0
    head, records, at = data[: 13 + palette], [], 13 + palette
    while at < len(data) and data[at] in b"!,":
        start = at
        if data[at] == 0x21:
            at += 2
        else:
            at += 11 + (3 << ((data[at + 9] & 7) + 1) if data[at + 9] & 0x80 else 0)
        fixed = at
        while at < len(data) and data[at]:
            at += data[at] + 1
        at += 1
        records.append((data[start:fixed], data[fixed:at]))
    if rng.random() < 0.3:
        head = head[:6] + blind(rng, head[6:13], b"") + head[13:]
    elif rng.random() < 0.3:
        chosen = rng.randrange(len(records))
        name, body = records[chosen]
        records[chosen] = (_field(rng, name, (1, 2), "little"), body)
    else:
        records = change_records(rng, records, tuple(name for name, _ in records), widths=(1, 2), order="little")
    return head + b"".join(name + body for name, body in records) + b";"


def mutate_tiff(rng: Random, data: bytes) -> bytes:
    """One of the first directory's entries: tag, type, count or value; or where the next directory lies."""
    order, mark = ("little", "<") if data[:2] == b"II" else ("big", ">")
    (start,) = struct.unpack(f"{mark}I", data[4:8])
    (count,) = struct.unpack(f"{mark}H", data[start : start + 2])
    entry = start + 2 + 12 * rng.randrange(count)
    tags = (
        254,
        256,
        257,
        258,
        259,
        262,
        266,
        273,
        274,
        277,
        278,
        279,
        282,
        284,
        317,
        320,
        322,
        323,
        324,
        325,
        338,
        339,
    )
    at, new = rng.choice(
        (
            (entry, struct.pack(f"{mark}H", rng.choice((*tags, 347, 530, 532, 700, 34377, 34665)))),
            (entry + 2, struct.pack(f"{mark}H", rng.choice((*range(0, 19), 65535)))),
            (entry + 4, number(rng, 4, order)),
            (entry + 8, number(rng, 4, order)),
            (entry + 8, number(rng, 2, order)),
            (
                entry + 8,
                struct.pack(f"{mark}H", rng.choice((1, 2, 3, 4, 5, 6, 7, 8, 16, 32773, 32946, 34712, 50000, 50001))),
            ),
            (start + 2 + 12 * count, struct.pack(f"{mark}I", rng.choice((start, 0, 8, len(data), entry)))),
            (start, struct.pack(f"{mark}H", rng.choice((0, 1, count + 1, count - 1, 65535)))),
        )
    )
    return data[:at] + new + data[at + len(new) :]


def mutate_bmp(rng: Random, data: bytes) -> bytes:
    """A field of the headers; or the pixels, which are codes where the photo is run-length encoded."""
    fields = ((2, 4), (10, 4), (14, 4), (18, 4), (22, 4), (26, 2), (28, 2), (30, 4), (34, 4), (46, 4), (50, 4))
    if rng.random() < 0.3:
        (start,) = struct.unpack("<I", data[10:14])
        return data[:start] + blind(rng, data[start:], data)
    at, size = rng.choice(fields)
    return data[:at] + number(rng, size, "little") + data[at + size :]


def change_records(
    rng: Random, records: list[Record], names: tuple[bytes, ...], *, widths: tuple[int, ...], order: str
) -> list[Record]:
    """One record changed, removed, repeated, moved, renamed, or put in."""
    records = list(records)
    if not records:
        return [(rng.choice(names), rng.randbytes(9))]
    chosen, other = rng.randrange(len(records)), rng.randrange(len(records))
    name, body = records[chosen]
    match rng.choice(("field", "field", "field", "body", "body", "remove", "repeat", "swap", "rename", "insert")):
        case "field":
            records[chosen] = (name, _field(rng, body, widths, order))
        case "body":
            records[chosen] = (name, blind(rng, body, records[other][1]))
        case "remove":
            del records[chosen]
        case "repeat":
            records[chosen:chosen] = [records[chosen]] * rng.choice((1, 2, 50))
        case "swap":
            records[chosen], records[other] = records[other], records[chosen]
        case "rename":
            records[chosen] = (rng.choice(names), body)
        case _:
            records.insert(
                chosen, (rng.choice(names), rng.choice((b"", rng.randbytes(12), body, _EXIF, bytes(70_000))))
            )
    return records


def _field(rng: Random, body: bytes, widths: tuple[int, ...], order: str) -> bytes:
    """A number in the first bytes, where a format has its sizes."""
    width = rng.choice(widths)
    at = rng.randrange(max(1, min(len(body), 40)))
    return body[:at] + number(rng, width, order) + body[at + width :]
