"""Mutators that know nothing of what they change."""

from collections.abc import Callable
from random import Random

LARGEST = 1 << 20
"""Bytes of a mutated file; duplicating ends there."""

NUMBERS = (0, 1, -1, 2, 7, 8, 16, 31, 32, 64, 100, 127, 128, 255, 256, 1000, 1024, 4095, 4096, 32767, 32768, 65535)
NUMBERS += (65536, 1 << 20, (1 << 24) - 1, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, 1 << 32, (1 << 63) - 1, (1 << 64) - 1)

MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\xff\xfe\0\0", b"\x1f\x8b", b"\x00\x01\x02", b"\xc0\x80")
SURROGATES = (b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\\ud800", b"\\udfff\\ud800", b"\x00\xd8", b"\xd8\x00")
WORDS = (
    b"null",
    b"None",
    b"true",
    b"NaN",
    b"-Infinity",
    b"1e999",
    b"-0",
    b"0x10",
    b"18446744073709551616",
    b"9" * 5000,
)
WORDS += (
    b"",
    b'""',
    b"..",
    b"../../x",
    b"/etc/passwd",
    b"~",
    b"*",
    b"%s%n",
    b"\\u0000",
    b"\x7f\x1b[2J",
    b"\xe2\x80\xa8",
)
WORDS += (
    b"!!python/object/apply:os.getcwd []",
    b"&a [*a]",
    b"*a",
    b"<<: *a",
    b"? ",
    b"- ",
    b": ",
    b"{}",
    b"[]",
    b"e'\"",
)
OPENINGS = (b"[", b"{", b"(", b'{"a":', b"[[", b"- ", b"-", b"~", b"not ", b"\t", b"1+")
ENCODINGS = ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-7", "cp500", "cp1252", "shift_jis", "utf-8-sig")
LINE_ENDS = (b"\r\n", b"\r", b"\n\r", b"\x0b", b"\x0c", b"\x85", "\u2028".encode(), b"\n\n", b"", b"\0")

Mutator = Callable[[Random, bytes, bytes], bytes]


def blind(rng: Random, data: bytes, other: bytes) -> bytes:
    """Change something; `other` is what a splice takes from."""
    return rng.choice(MUTATORS)(rng, data, other)[:LARGEST]


def flip_bits(rng: Random, data: bytes, _: bytes) -> bytes:
    changed = bytearray(data or b"\0")
    for _ in range(rng.choice((1, 1, 1, 2, 8, 64))):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def overwrite(rng: Random, data: bytes, _: bytes) -> bytes:
    """A whole number of one to eight bytes, in either order."""
    size = rng.choice((1, 1, 2, 4, 8))
    start = rng.randrange(len(data) + 1)
    return data[:start] + number(rng, size, rng.choice(("little", "big"))) + data[start + size :]


def number(rng: Random, size: int, order: str) -> bytes:
    value = rng.choice(NUMBERS) if rng.random() < 0.8 else rng.getrandbits(8 * size)
    return (value % (1 << (8 * size))).to_bytes(size, "big" if order == "big" else "little")


def truncate(rng: Random, data: bytes, _: bytes) -> bytes:
    return data[: rng.randrange(len(data) + 1)]


def cut_head(rng: Random, data: bytes, _: bytes) -> bytes:
    return data[rng.randrange(min(len(data), 64) + 1) :]


def delete(rng: Random, data: bytes, _: bytes) -> bytes:
    start, end = span(rng, data)
    return data[:start] + data[end:]


def duplicate(rng: Random, data: bytes, _: bytes) -> bytes:
    start, end = span(rng, data)
    return data[:end] + data[start:end] * rng.choice((1, 1, 1, 2, 10, 100)) + data[end:]


def swap(rng: Random, data: bytes, _: bytes) -> bytes:
    (a, b), (c, d) = sorted((span(rng, data), span(rng, data)))
    return data if b > c else data[:a] + data[c:d] + data[b:c] + data[a:b] + data[d:]


def zero(rng: Random, data: bytes, _: bytes) -> bytes:
    start, end = span(rng, data)
    return data[:start] + rng.choice((b"\0", b"\xff", b" ")) * (end - start) + data[end:]


def insert_nuls(rng: Random, data: bytes, _: bytes) -> bytes:
    return insert(rng, data, b"\0" * rng.choice((1, 2, 3, 16, 1000)))


def insert_mark(rng: Random, data: bytes, _: bytes) -> bytes:
    mark = rng.choice(MARKS)
    return mark + data if rng.random() < 0.5 else insert(rng, data, mark)


def insert_surrogate(rng: Random, data: bytes, _: bytes) -> bytes:
    return insert(rng, data, rng.choice(SURROGATES))


def insert_word(rng: Random, data: bytes, _: bytes) -> bytes:
    return insert(rng, data, rng.choice(WORDS))


def replace_word(rng: Random, data: bytes, _: bytes) -> bytes:
    """What stands between two separators."""
    start = rng.randrange(len(data) + 1)
    left = max(data.rfind(mark, 0, start) for mark in b' ,:"[]{}\n=')
    right = min((found for mark in b' ,:"[]{}\n=' if (found := data.find(mark, start)) >= 0), default=len(data))
    return data[: left + 1] + rng.choice(WORDS) + data[right:]


def nest(rng: Random, data: bytes, _: bytes) -> bytes:
    """Far more levels than any reader's stack has."""
    opening, levels = rng.choice(OPENINGS), rng.choice((50, 200, 1000, 5000, 20_000, 100_000))
    closing = {b"[": b"]", b"{": b"}", b"(": b")", b"[[": b"]]", b'{"a":': b"}"}.get(opening, b"")
    middle = opening * levels + b"1" + closing * (levels if rng.random() < 0.5 else 0)
    return middle if rng.random() < 0.2 else insert(rng, data, middle)


def splice(rng: Random, data: bytes, other: bytes) -> bytes:
    return data[: rng.randrange(len(data) + 1)] + other[rng.randrange(len(other) + 1) :]


def encode(rng: Random, data: bytes, _: bytes) -> bytes:
    """Text in another encoding; bytes that are no text as if they were Latin-1."""
    text = data.decode("utf-8") if _is_text(data) else data.decode("latin-1")
    return text.encode(rng.choice(ENCODINGS), "replace")


def end_lines(rng: Random, data: bytes, _: bytes) -> bytes:
    return data.replace(b"\n", rng.choice(LINE_ENDS), rng.choice((1, 2, -1)))


def shuffle_lines(rng: Random, data: bytes, _: bytes) -> bytes:
    lines = data.splitlines(keepends=True)
    rng.shuffle(lines)
    return b"".join(lines)


def random_bytes(rng: Random, data: bytes, _: bytes) -> bytes:
    start, end = span(rng, data)
    return data[:start] + rng.randbytes(rng.choice((1, 4, 16, 100))) + data[end:]


def insert(rng: Random, data: bytes, more: bytes) -> bytes:
    start = rng.randrange(len(data) + 1)
    return data[:start] + more + data[start:]


def span(rng: Random, data: bytes) -> tuple[int, int]:
    """[start, end) of a range, mostly short."""
    start = rng.randrange(len(data) + 1)
    return start, min(len(data), start + rng.choice((1, 1, 2, 4, 8, 32, 256, max(1, len(data) // 3))))


def _is_text(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


MUTATORS: tuple[Mutator, ...] = (
    *(flip_bits, flip_bits, overwrite, overwrite, overwrite, truncate, cut_head, delete, duplicate, swap, zero),
    *(insert_nuls, insert_mark, insert_surrogate, insert_word, replace_word, replace_word, nest, splice, encode),
    *(end_lines, shuffle_lines, random_bytes),
)
