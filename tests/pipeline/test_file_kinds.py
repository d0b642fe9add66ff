"""What a file is, by its first bytes and its length."""

import io
import json
import struct
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dgf.pipeline.errors import UserError
from dgf.pipeline.file_kinds import check_folder, check_kind, kind_of_bytes, recognize, unmarked_utf16


def safetensors(size: int = 8) -> bytes:
    header = json.dumps({"a": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}).encode()
    return struct.pack("<Q", len(header)) + header + bytes(size)


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("data.pkl", b"x")
    return buffer.getvalue()


KINDS = {
    "a Git LFS pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
    "a git-annex pointer": b"/annex/objects/SHA256E-s1--0.jpg\n",
    'an HTML page ("Sign in")': b"\n<!DOCTYPE html><html><title>Sign\n in</title>",
    "an HTML page, not": b"<html>no title",
    "an XML document": b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>",
    "empty": b"",
    "nothing but zeros": bytes(100),
    "gzip data": b"\x1f\x8b\x08",
    "a ZIP archive": zipped(),
    "a Python pickle": b"\x80\x02}.",
    "an HDF5 file": b"\x89HDF\r\n\x1a\n",
    "a GGUF file": b"GGUF\x03",
    "a WebP image": b"RIFF\0\0\0\0WEBP",
    "a safetensors file": safetensors(),
    "text in UTF-16": '{"a": 1}'.encode("utf-16"),
    "JSON": b'{"error": "Repository not found"}',
    "a JSON array": b"[1]",
    'text that begins with "Not Found"': b"Not Found\n",
    "nothing but white space": b" \n",
}


@pytest.mark.parametrize("name", KINDS)
def test_a_file_is_recognized(name: str) -> None:
    kind = kind_of_bytes(KINDS[name])
    assert kind is not None and kind.name.startswith(name)


def test_what_is_none_of_the_kinds_is_left_open() -> None:
    assert kind_of_bytes(b"\x01\x02\x03\x04") is None


@given(st.binary(max_size=600))
def test_any_bytes_are_looked_at_without_an_error(data: bytes) -> None:
    kind_of_bytes(data)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf16_without_a_mark_is_seen_in_latin_text_alone(encoding: str) -> None:
    assert unmarked_utf16("plain".encode(encoding)) == encoding
    assert unmarked_utf16(b"plain text") is None and unmarked_utf16(b"\0a") is None


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("model.safetensors", safetensors()[:-1], "cut short"),
        ("model.safetensors", safetensors()[:20], "cut short"),
        ("model.safetensors", safetensors() + b"more", "damaged"),
        ("model.safetensors", struct.pack("<Q", 2) + b"{x", "damaged"),
        ("model.pth", zipped()[:-10], "a ZIP archive that is cut short"),
        ("model.bin", KINDS["a Git LFS pointer"], "a Git LFS pointer"),
        ("config.json", b"Not Found", 'text that begins with "Not Found"'),
        ("vocab.txt", zipped(), "a ZIP archive"),
        ("model.gguf", b"", "empty"),
    ],
)
def test_a_file_that_is_not_what_its_name_says_is_refused(tmp_path: Path, name: str, content: bytes, told: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError) as caught:
        check_folder(tmp_path)
    assert told in caught.value.message and name in caught.value.message and caught.value.hint


def test_good_and_unknown_files_pass(tmp_path: Path) -> None:
    for name, content in (("a.safetensors", safetensors()), ("b.pt", zipped()), ("c.json", b" {}"), ("d.xyz", b"")):
        (tmp_path / name).write_bytes(content)
        check_kind(tmp_path / name)
    with pytest.raises(UserError, match="cannot be read"):
        recognize(tmp_path / "gone")
