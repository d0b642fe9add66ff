"""Files at an address, by fsspec; whatever it and the libraries below it raise is told in words that help.

How often a request that failed is tried again is up to those libraries (s3fs: five times).
"""

import contextlib
import errno
import math
import urllib.parse
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dgf.pipeline.errors import UserError, foreign_reason
from dgf.pipeline.files import PART
from dgf.pipeline.storage.address import Address

_NO_LISTS = ("http", "https")
"""Protocols that cannot say what a folder holds."""

_READ_ONLY = (*_NO_LISTS, "hf")
"""Protocols over which nothing is written: each file written to the Hugging Face hub is a commit there."""

_WITH_FOLDERS = ("file", "local", "sftp", "ssh", "smb", "ftp", "hdfs", "webhdfs", "dbfs")
"""Protocols in which a folder has to be made before a file is put into it."""

_EXTRAS = {"s3": "s3", "s3a": "s3"}
"""Protocols for which dgf has an extra."""

_TIMES = ("LastModified", "last_modified", "mtime", "modified", "updated", "created")
"""What file systems call the time at which a file was written."""

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
"""Faults of a disk, not of a network."""

_CHUNK = 1 << 20

_LONGEST_NAME = 255 - len(f"{PART}{'0' * 12}-")
"""Bytes of a file's name here, which has another one while it is fetched."""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """What is known of a file before it is read: bytes, and when it was written (seconds); None where that is not."""

    size: int | None
    written: float | None


@dataclass(frozen=True, slots=True)
class Remote:
    """The files at and below an address; the name of each is relative to it, "" for the address itself."""

    address: Address

    @property
    def lists(self) -> bool:
        """Whether it can be asked which files there are."""
        return self.address.protocol not in _NO_LISTS

    @property
    def writes(self) -> bool:
        """Whether shards can be written there."""
        return self.address.protocol not in _READ_ONLY

    def list(self) -> dict[str, RemoteFile]:
        """Every file below the address, by name; none where there is no such folder.

        Names that would lead elsewhere, such as `../x`, are left out.
        """
        with self._speak() as (fs, root):
            fs.invalidate_cache()
            try:
                found = fs.find(root, detail=True)
            except FileNotFoundError:
                return {}
        prefix = root.rstrip("/") + "/"
        names = {path.removeprefix(prefix): about for path, about in found.items() if path.startswith(prefix)}
        return {name: _about(about) for name, about in names.items() if is_plain(name)}

    def look(self, name: str = "") -> RemoteFile | None:
        """What is known of one file; None where there is none, or a folder."""
        with self._speak() as (fs, root):
            fs.invalidate_cache()
            try:
                about = fs.info(self._join(root, name))
            except (FileNotFoundError, NotADirectoryError):
                return None
        return None if about.get("type") == "directory" else _about(about)

    def read(self, name: str) -> bytes | None:
        """The bytes of a small file; None where there is none."""
        with self._speak() as (fs, root):
            try:
                data: bytes = fs.cat_file(self._join(root, name))
            except FileNotFoundError:
                return None
        return data

    def fetch(self, name: str, to: Path, limit: int | None = None) -> bool:
        """Copy a file here, into one that is there already; False where there is none at the address.

        Of a file larger than `limit` one byte more is copied, which tells that it is.
        """
        with self._speak() as (fs, root):
            try:
                if limit is None and self.lists:
                    fs.get_file(self._join(root, name), str(to))
                    return True
                with fs.open(self._join(root, name), "rb") as source, to.open("wb") as target:
                    left = math.inf if limit is None else limit + 1
                    while left and (chunk := source.read(int(min(_CHUNK, left)))):
                        target.write(chunk)
                        left -= len(chunk)
            except (FileNotFoundError, NotADirectoryError):
                return False
        return True

    def put(self, name: str, file: Path) -> None:
        """Copy a file there."""
        with self._speak() as (fs, root):
            self._make_folder(fs, root)
            fs.put_file(str(file), self._join(root, name))

    def write(self, name: str, data: bytes) -> None:
        """Write a small file."""
        with self._speak() as (fs, root):
            self._make_folder(fs, root)
            fs.pipe_file(self._join(root, name), data)

    def create(self, name: str, data: bytes) -> bool:
        """Write a small file where there is none yet; False where there is one.

        Of several at once one alone succeeds where the storage can see to it (S3 can); elsewhere that is only likely.
        """
        with self._speak() as (fs, root):
            self._make_folder(fs, root)
            path = self._join(root, name)
            try:
                fs.pipe_file(path, data, mode="create")
            except FileExistsError:
                return False
            except OSError as error:
                if "precondition" in str(error).lower():
                    return False
                if "not implemented" not in str(error).lower():
                    raise
                if fs.exists(path):
                    return False
                fs.pipe_file(path, data)
        return True

    def remove(self, names: Iterable[str]) -> None:
        """Remove files one after another; one that is gone already is no fault."""
        with self._speak() as (fs, root):
            for name in names:
                with contextlib.suppress(FileNotFoundError):
                    fs.rm_file(self._join(root, name))

    def _join(self, root: str, name: str) -> str:
        """Where a file is; over http what a name says otherwise with `%`, `?` or `#` is no more than a part of it."""
        there = name if self.lists else urllib.parse.quote(name)
        return f"{root.rstrip('/')}/{there}" if name else root

    def _make_folder(self, fs: Any, root: str) -> None:
        if self.address.protocol in _WITH_FOLDERS:
            fs.makedirs(root, exist_ok=True)

    @contextlib.contextmanager
    def _speak(self) -> Iterator[tuple[Any, str]]:
        """The file system and the path in it, with every error made a `UserError`."""
        try:
            from fsspec.core import url_to_fs

            yield url_to_fs(str(self.address))
        except UserError:
            raise
        except Exception as error:  # each file system raises what its own library does
            raise _explain(self.address, error) from error


def is_plain(name: str) -> bool:
    """Whether a name stays below its folder and can be that of a file here."""
    try:
        parts = name.encode().split(b"/")
    except UnicodeEncodeError:  # half a surrogate pair
        return False
    fits = all(len(part) <= _LONGEST_NAME for part in parts)
    return fits and "\0" not in name and not {b"", b".", b".."}.intersection(parts)


def _about(about: Any) -> RemoteFile:
    size = about.get("size")
    written = next((_seconds(about[key]) for key in _TIMES if about.get(key) is not None), None)
    return RemoteFile(size if isinstance(size, int) else None, written)


def _seconds(value: object) -> float | None:
    """A time as seconds, whichever way a file system says it."""
    if isinstance(value, str):
        with contextlib.suppress(ValueError):
            value = datetime.fromisoformat(value)
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    return float(value) if isinstance(value, int | float) else None


def _explain(address: Address, error: Exception) -> UserError:
    """What went wrong at an address, and what fixes it."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if isinstance(error, ImportError):
        extra = _EXTRAS.get(address.protocol)
        hint = f"Install it: pip install 'dgf[{extra}]'." if extra else f"{_library_of(error)}"
        return UserError(f"{address}: the library for {address.protocol}:// is not installed.", hint)
    if isinstance(error, ValueError) and "rotocol not known" in str(error):
        return UserError(
            f"{address}: {address.protocol}:// is no storage that is known here.",
            "Give a path, or an address that fsspec knows, such as s3://BUCKET/FOLDER.",
        )
    if isinstance(error, OSError) and error.errno in _FULL:
        return UserError(
            f"{address}: cannot be copied ({_said(error)}).",
            "Copies are in ~/.cache/dgf/addresses, or below $DGF_CACHE: make room there, or let DGF_CACHE name a"
            " folder where there is some.",
        )
    if isinstance(error, FileNotFoundError):
        return UserError(f"{address}: no such bucket, folder or file ({_said(error)}).", "Check the address.")
    if isinstance(error, NotImplementedError):
        return UserError(f"{address}: {address.protocol}:// cannot be written or listed.", "Give another address.")
    if kinds & {"NoCredentialsError", "PartialCredentialsError", "ProfileNotFound", "TokenRetrievalError"}:
        return UserError(
            f"{address}: there are no credentials for it ({_said(error)}).",
            "For S3: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile in ~/.aws (AWS_PROFILE).",
        )
    if isinstance(error, PermissionError):
        return UserError(
            f"{address}: access is denied ({_said(error)}).", "Are the credentials those of one who may use it?"
        )
    return UserError(
        f"{address}: cannot be reached or used ({_said(error)}).",
        "Check the network, and for S3 AWS_ENDPOINT_URL. What was finished is kept: the same command continues.",
    )


def _library_of(error: ImportError) -> str:
    """What an import error says is to be installed, in fsspec's words."""
    return " ".join(str(error).split())[:200] or "Install the library that fsspec needs for it."


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {foreign_reason(error)}"
