"""What a file really is, by its first bytes: said wherever one cannot be read as what it should be.

Downloads end as pages of HTML, repositories hold pointers instead of files, copies are cut short. No reader of weights,
shards, photos or text hands such a file to a library that would describe it in words of its own.
"""

import html
import json
import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dgf.pipeline.errors import UserError

HEAD_BYTES = 4096
"""So many first bytes decide."""

_AGAIN = "Fetch it again: the server sent something else in place of the file."
_UNPACK = "Unpack it, and give the file inside."


@dataclass(frozen=True, slots=True)
class FileKind:
    """A kind of file.

    Args:
        name: With its article, such as `a Git LFS pointer, not the file itself`.
        hint: How to get at what was wanted; None where the name says it all.
        text: Whether it is text, whatever it says.
    """

    name: str
    hint: str | None = None
    text: bool = False


_SIGNATURES: tuple[tuple[bytes, FileKind], ...] = (
    (b"\x1f\x8b", FileKind("gzip data", _UNPACK)),
    (b"PK\x03\x04", FileKind("a ZIP archive", _UNPACK)),
    (b"PK\x05\x06", FileKind("an empty ZIP archive")),
    (b"BZh", FileKind("bzip2 data", _UNPACK)),
    (b"\xfd7zXZ\x00", FileKind("xz data", _UNPACK)),
    (b"\x28\xb5\x2f\xfd", FileKind("zstd data", _UNPACK)),
    (b"7z\xbc\xaf\x27\x1c", FileKind("a 7-Zip archive", _UNPACK)),
    (b"Rar!\x1a\x07", FileKind("a RAR archive", _UNPACK)),
    (b"\x89HDF\r\n\x1a\n", FileKind("an HDF5 file")),
    (b"GGUF", FileKind("a GGUF file")),
    (b"\x93NUMPY", FileKind("a NumPy array (.npy)")),
    (b"PAR1", FileKind("a Parquet table", "Posts in it are read if it is called NAME.parquet.")),
    (b"ARROW1", FileKind("an Arrow table", "Posts in it are read if it is called NAME.arrow.")),
    (b"SQLite format 3\x00", FileKind("an SQLite database")),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", FileKind("an old Office document", "Save it as UTF-8 text.")),
    (b"%PDF-", FileKind("a PDF document")),
    (b"\x89PNG\r\n\x1a\n", FileKind("a PNG image")),
    (b"\xff\xd8\xff", FileKind("a JPEG image")),
    (b"GIF8", FileKind("a GIF image")),
    (b"II*\x00", FileKind("a TIFF image")),
    (b"MM\x00*", FileKind("a TIFF image")),
    (b"\x00\x00\x00\x0cjP  ", FileKind("a JPEG 2000 image", "Save it as JPEG or PNG.")),
    (b"\x7fELF", FileKind("a program")),
)
_PICKLES = re.compile(rb"\x80[\x02-\x05]")
_PAGE = re.compile(rb"<(!doctype html|html|head|body)\b", re.IGNORECASE)
_TITLE = re.compile(rb"<title[^>]*>(.*?)</title", re.IGNORECASE | re.DOTALL)
_NOT_TEXT = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_SAFETENSORS_HEADER = 100_000_000
"""Bytes; the format allows no longer one."""


def kind_of_bytes(head: bytes) -> FileKind | None:
    """Recognize a file by its first bytes (`HEAD_BYTES` are enough); None for what is none of the known kinds."""
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if not head:
        return FileKind("empty", "Copy or fetch it again.")
    if not head.strip(b"\x00"):
        return FileKind("nothing but zeros, as an unfinished download leaves", "Fetch it again.")
    if text.startswith(b"version https://git-lfs"):
        hint = "Fetch the file itself: `git lfs pull` in its folder, or download it from the page it is shown on."
        return FileKind("a Git LFS pointer, not the file itself", hint)
    if head.startswith(b"/annex/objects/") or b".git/annex/objects/" in head[:200]:
        return FileKind(
            "a git-annex pointer, not the file itself", "Fetch the file itself: `git annex get` with its name."
        )
    if _PAGE.match(text):
        return FileKind(f"an HTML page{_title(text)}, not the file itself", _AGAIN)
    if text.startswith(b"<?xml"):
        return FileKind("an XML document, not the file itself", _AGAIN)
    for signature, kind in _SIGNATURES:
        if head.startswith(signature):
            return kind
    if _PICKLES.match(head):
        return FileKind("a Python pickle")
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return FileKind("a WebP image")
    if head[4:12] in (b"ftypavif", b"ftypheic", b"ftypheix", b"ftypmif1"):
        return FileKind("an AVIF or HEIC image", "Save it as JPEG or PNG.")
    if head[257:262] == b"ustar":
        return FileKind("a tar archive", "Samples in it are read if it is called NAME.tar.")
    if len(head) > 9 and head[8:9] == b"{" and int.from_bytes(head[:8], "little") <= _SAFETENSORS_HEADER:
        return FileKind("a safetensors file")
    return _text_kind(head, text)


def _title(page: bytes) -> str:
    """The title of a page, to tell a quota from a login."""
    found = _TITLE.search(page)
    title = " ".join(html.unescape(found[1].decode("utf-8", "replace")).split()) if found else ""
    return f' ("{title[:60]}")' if title and title.isprintable() else ""


def _text_kind(head: bytes, text: bytes) -> FileKind | None:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) or unmarked_utf16(head):
        hint = "Convert it: iconv -f UTF-16 -t UTF-8 FILE > NEW"
        return FileKind("text in UTF-16", hint, text=True)
    if _NOT_TEXT.search(head):
        return None
    if text.startswith((b"{", b"[")):
        return FileKind("JSON" if text.startswith(b"{") else "a JSON array", text=True)
    if not text:
        return FileKind("nothing but white space", "Copy or fetch it again.", text=True)
    first = text.splitlines()[0][:40].decode("utf-8", "replace")
    shown = f' that begins with "{first}"' if first.isprintable() else ""
    return FileKind(f"text{shown}", text=True)


def unmarked_utf16(head: bytes) -> str | None:
    """The encoding of Latin text in UTF-16 without a byte order mark: every other byte is zero; None for other text."""
    start = head[:64]
    if len(start) < 4 or len(start) % 2:
        start = start[: len(start) // 2 * 2]
    for encoding, low, high in (("utf-16-le", start[::2], start[1::2]), ("utf-16-be", start[1::2], start[::2])):
        if len(start) >= 4 and not high.strip(b"\x00") and 0 not in low:
            return encoding
    return None


def recognize(path: Path) -> FileKind | None:
    """Recognize a file that is there, also by what its end should be; None for what is none of the known kinds.

    Raises:
        UserError: It cannot be opened.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            kind = kind_of_bytes(file.read(HEAD_BYTES))
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}", "Check the path.") from None
    if kind is None:
        return None
    check = {"a ZIP archive": _zip_end, "a safetensors file": _safetensors_end}.get(kind.name)
    fault = check(path, size) if check else None
    return FileKind(f"{kind.name} that is {fault}", "Copy or fetch it again.") if fault else kind


def _zip_end(path: Path, _: int) -> str | None:
    try:
        return None if zipfile.is_zipfile(path) else "cut short (its end is missing)"
    except zipfile.BadZipFile:
        return "damaged"


def _safetensors_end(path: Path, size: int) -> str | None:
    """What is wrong with the length of a safetensors file, whose header says where the last tensor ends."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if 8 + length > size:
            return f"cut short ({size} bytes; its header alone has {length})"
        try:
            header = json.loads(file.read(length))
            ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
            wanted = 8 + length + max(ends, default=0)
        except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError):
            return "damaged (its header makes no sense)"
    if wanted != size:
        return f"cut short ({size} bytes of {wanted})" if wanted > size else f"damaged ({size} bytes, not {wanted})"
    return None


_READ_TEXTS = ("vocab.txt", "merges.txt")
"""What is read of a model's folder that ends in .txt."""

_OTHER_WEIGHTS = (".pth", ".pt", ".bin", ".pkl")

_Suited = Callable[[FileKind], bool]
_BY_SUFFIX: dict[str, tuple[str, _Suited]] = {
    ".safetensors": ("a safetensors file", lambda kind: kind.name == "a safetensors file"),
    ".json": ("JSON", lambda kind: kind.name in ("JSON", "a JSON array")),
    ".gguf": ("a GGUF file", lambda kind: kind.name == "a GGUF file"),
    ".txt": ("text", lambda kind: kind.text and "UTF-16" not in kind.name),
    **dict.fromkeys(
        (".model", ".spm", ".tiktoken"),
        ("a tokenizer", lambda kind: kind.name.startswith("text that")),
    ),
    **dict.fromkeys(
        _OTHER_WEIGHTS,
        ("weights", lambda kind: kind.name in ("a ZIP archive", "a Python pickle", "a safetensors file")),
    ),
}


def check_kind(path: Path, otherwise: str = "") -> None:
    """See that a file is of the kind that its name says, as far as its first bytes and its length show.

    `otherwise` is the suffix it counts as where its own says nothing.

    Raises:
        UserError: It is recognized as something else, or as cut short; says what it is and how to get the right one.
    """
    kind = recognize(path)
    suffix = path.suffix.lower()
    wanted, suits = _BY_SUFFIX.get(suffix if suffix in _BY_SUFFIX else otherwise, ("", None))
    if kind is not None and suits is not None and not suits(kind):
        raise UserError(f"{path} cannot be read as {wanted}: it is {kind.name}", kind.hint or "Give the right file.")


def check_folder(folder: Path) -> None:
    """`check_kind` of every file of a model's folder whose name says what it is: for a model that cannot be loaded.

    Not before: folders hold much that nobody reads, such as pointers to other formats of the same weights.
    """
    safe = any(folder.glob("*.safetensors"))  # then no other weights are read
    for path in sorted(folder.iterdir()):
        suffix = path.suffix.lower()
        unread = (safe and suffix in _OTHER_WEIGHTS) or (suffix == ".txt" and path.name not in _READ_TEXTS)
        if suffix in _BY_SUFFIX and not unread and path.is_file():
            check_kind(path)
