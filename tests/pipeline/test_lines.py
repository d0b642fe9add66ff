"""Posts of both layouts, captions and types come through one reader of lines: what it tolerates and what it refuses."""

import codecs
import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from dgf.pipeline.captioners import read_caption_file
from dgf.pipeline.errors import UserError
from dgf.pipeline.faults import RowError
from dgf.pipeline.lines import MAX_LINE_BYTES, split_lines
from dgf.pipeline.posts import read_dataset
from dgf.pipeline.text_files import open_text
from dgf.workflows.data import read_types

MENTIONS = {"head": {"span": [0, 1]}, "tail": {"span": [1, 2]}}


def posts_jsonl(root: Path, content: bytes) -> list[str]:
    (root / "test.jsonl").write_bytes(content)
    return [post.head.text for post in read_dataset(root).posts]


def posts_mnre(root: Path, content: bytes) -> list[str]:
    (root / "ours_test.txt").write_bytes(content)
    return [post.head.text for post in read_dataset(root).posts]


def captions(root: Path, content: bytes) -> list[str]:
    (root / "captions.jsonl").write_bytes(content)
    return list(read_caption_file(root / "captions.jsonl"))


def types(root: Path, content: bytes) -> list[str]:
    (root / "types.jsonl").write_bytes(content)
    return list(read_types(root / "types.jsonl"))


def literal(name: str) -> str:
    mentions = {"h": {"name": name, "pos": [0, 1]}, "t": {"name": "b", "pos": [1, 2]}}
    return repr({"token": [name, "b"], **mentions, "img_id": "x.jpg"})


def read_lines(path: Path) -> tuple[list[tuple[int, str]], list[int]]:
    """The lines that can be read, and the numbers of those that cannot."""
    with open_text(path) as text:
        found = list(split_lines(text))
    good = [(number, line) for number, line in found if not isinstance(line, RowError)]
    return good, [number for number, line in found if isinstance(line, RowError)]


Read = Callable[[Path, bytes], list[str]]
Line = Callable[[str], str]

KINDS: dict[str, tuple[Read, Line]] = {
    "jsonl": (posts_jsonl, lambda name: json.dumps({"tokens": [name, "b"], **MENTIONS}, ensure_ascii=False)),
    "mnre": (posts_mnre, literal),
    "captions": (captions, lambda name: json.dumps({"image_id": name, "caption": "a dog"}, ensure_ascii=False)),
    "types": (types, lambda name: json.dumps({"id": name, "head": "per", "tail": None}, ensure_ascii=False)),
}
each_kind = pytest.mark.parametrize(("read", "line"), KINDS.values(), ids=KINDS)

NAMES = ["Zoë", "Ann\u2028", "\u010a\u0a0a", "🐎"]  # in UTF-16 two of them hold the byte of a line feed


@each_kind
@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (b"", "utf-8"),
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
    ],
)
def test_every_way_a_text_is_written_reads_the_same(
    read: Read, line: Line, mark: bytes, encoding: str, end: str, zipped: bool, tmp_path: Path
) -> None:
    content = mark + end.join(["", *map(line, NAMES), " \t", ""]).encode(encoding)
    assert read(tmp_path, gzip.compress(content) if zipped else content) == NAMES


def faults(read: Read, root: Path, content: bytes) -> str:
    with pytest.raises(UserError) as caught:
        read(root, content)
    return caught.value.message


@each_kind
def test_bytes_without_a_meaning_are_the_fault_of_their_line(read: Read, line: Line, tmp_path: Path) -> None:
    good = line("Zoë").encode()
    content = b"\n".join([good, "ë".encode() + b"\xff", line("b").encode(), b"\xc3"])
    message = faults(read, tmp_path, content)
    assert message.count("\n") == 2
    assert ":2: not UTF-8 (byte 0xff at column 3)" in message and ":4: not UTF-8 (byte 0xc3 at column 1)" in message


@each_kind
def test_half_characters_of_utf16_are_the_fault_of_their_line(read: Read, line: Line, tmp_path: Path) -> None:
    content = codecs.BOM_UTF16_LE + f"{line('a')}\nab\ud83d\n{line('b')}\n".encode("utf-16-le", "surrogatepass")
    message = faults(read, tmp_path, content + b"\x20")
    assert message.count("\n") == 2
    assert ":2: not UTF-16-LE (half a surrogate pair, 0xd83d, at column 5)" in message
    assert ":4: not UTF-16-LE: the file ends within a character" in message


@each_kind
@pytest.mark.parametrize("zipped", [False, True])
def test_a_line_too_long_is_a_fault_and_the_rest_keeps_its_numbers(
    read: Read, line: Line, zipped: bool, tmp_path: Path
) -> None:
    content = f"{line('a')}\n{'x' * (1 << 20)}\nbad\n".encode()
    message = faults(read, tmp_path, gzip.compress(content) if zipped else content)
    assert message.count("\n") == 2
    assert f":2: line longer than {MAX_LINE_BYTES} bytes" in message and ":3: not" in message


@each_kind
@pytest.mark.parametrize("damage", ["cut", "flipped", "header", "tail"])
def test_damaged_gzip_is_one_error_that_names_the_file(read: Read, line: Line, damage: str, tmp_path: Path) -> None:
    data = bytearray(gzip.compress("\n".join(map(line, NAMES)).encode()))
    data[len(data) // 2] ^= 0xFF if damage == "flipped" else 0
    spoilt = {"cut": data[:-9], "header": data[:2], "tail": data + b"more"}.get(damage, data)
    message = faults(read, tmp_path, bytes(spoilt))
    assert "damaged or cut short gzip data" in message and str(tmp_path) in message


@each_kind
def test_ten_of_many_faults_are_shown(read: Read, line: Line, tmp_path: Path) -> None:
    message = faults(read, tmp_path, "\n".join([line("a"), *["{"] * 25]).encode())
    assert "25 faults" in message and "... and 15 more" in message
    assert all(f":{number}: " in message for number in range(2, 12)) and ":12: " not in message


@pytest.mark.parametrize("read", [posts_jsonl, captions, types])
def test_what_json_does_not_allow_is_refused(read: Read, tmp_path: Path) -> None:
    deep = "not a Python literal" if read is captions else "not JSON: Recursion"  # captions are of either kind
    lines = ['{"id": "a", "id": "b"}', '{"id": NaN}', "[" * 60000, "[1]"]
    message = faults(read, tmp_path, "\n".join(lines).encode())
    for number, fault in enumerate(
        ["not JSON: a key appears twice", "not JSON: NaN is not a JSON value", deep, "a row must be"]
    ):
        assert f":{number + 1}: {fault}" in message


@pytest.mark.parametrize("size", range(MAX_LINE_BYTES - 3, MAX_LINE_BYTES + 5))
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r\r\n", ""])
def test_the_longest_line_is_read_whole_and_a_longer_one_not_at_all(size: int, end: str, tmp_path: Path) -> None:
    (tmp_path / "long").write_bytes(("x" * size + end).encode() + (b"y\n" if end else b""))
    lines, faults = read_lines(tmp_path / "long")
    found = [(number, len(line)) for number, line in lines]
    assert faults == [1] * (size > MAX_LINE_BYTES or size + len(end) > MAX_LINE_BYTES + 2)
    if not faults:
        assert found.pop(0) == (1, size)
    assert found == ([(2, 1)] if end else [])


def test_no_more_than_one_line_is_held_in_memory(tmp_path: Path) -> None:
    import tracemalloc

    with gzip.open(tmp_path / "bomb", "wb") as file:
        for _ in range(64):
            file.write(b"x" * (1 << 20))
    tracemalloc.start()
    assert read_lines(tmp_path / "bomb") == ([], [1])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 21
