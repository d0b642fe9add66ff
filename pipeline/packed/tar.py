"""The members of an uncompressed tar file, and where their bytes lie: nothing is unpacked, no link is followed."""

import io
import os
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

from dgf.pipeline.packed.base import NO_FILE, PackedError, unreadable

MAX_MEMBERS = 2_000_000
"""Of one file: some 500 MB of memory."""

_MAX_HEADER = 1 << 14
"""Bytes of a member's long name or of its further attributes, which tarfile reads at once."""

_MAX_PADDING = 1 << 22
"""Zero bytes behind the end, which fill the last record; a tar file behind another one would begin there."""


class MemberPlace(NamedTuple):
    """Where the bytes of a member lie in the file."""

    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class TarIndex:
    """The members of a tar file.

    Args:
        path: The file.
        members: In their order, by name with single slashes: where each lies, or why it is not read.
        fault: Why there may be more members than these; None where the file was read to its end.
    """

    path: Path
    members: Mapping[str, MemberPlace | str]
    fault: str | None = None

    def fault_of(self, name: str) -> str | None:
        """Say why there is no such member that can be read; None where there is."""
        found = self.members.get(name, self.fault or NO_FILE)
        return found if isinstance(found, str) else None

    def read(self, name: str, limit: int) -> bytes:
        """Read at most the first `limit` bytes of a member.

        Raises:
            PackedError: It is not there, is a link, or is cut short.
        """
        found = self.members.get(name, self.fault or NO_FILE)
        if isinstance(found, str):
            raise PackedError(found)
        wanted = min(found.size, limit)
        try:
            with self.path.open("rb", buffering=0) as file:
                data = os.pread(file.fileno(), wanted, found.offset)
        except OSError as error:
            raise unreadable(error) from None
        if len(data) < wanted:
            raise PackedError("truncated")
        return data


def read_tar_index(path: Path) -> TarIndex:
    """Read the headers of a tar file, from which the members' bytes are skipped.

    Raises:
        PackedError: It cannot be opened, or is no uncompressed tar file.
    """
    members: dict[str, MemberPlace | str] = {}
    try:
        with path.open("rb") as file:
            try:
                fault = _read_headers(file, members)
            except PackedError:
                raise
            except Exception as error:  # tarfile raises what it meets in damaged headers
                fault = f"damaged or cut short after {len(members)} members ({type(error).__name__})"
                if not members:
                    reason = "not a tar file that is read here: it is compressed, damaged or empty"
                    raise PackedError(reason, lasting=True) from None
    except OSError as error:
        raise unreadable(error) from None
    return TarIndex(path, members, fault)


def _read_headers(file: BinaryIO, members: dict[str, MemberPlace | str]) -> str | None:
    """Fill in the members, and say why there may be more."""
    with tarfile.open(fileobj=cast(BinaryIO, _Headers(file)), mode="r:") as archive:
        while (entry := archive.next()) is not None:
            cast(Any, archive).members.clear()  # which it would keep all of
            name = "/".join(part for part in entry.name.split("/") if part not in ("", "."))
            found = _place_of(entry)
            if found is None or not name:
                continue
            members[name] = "is there more than once" if name in members else found
            if len(members) > MAX_MEMBERS:
                raise PackedError(f"has more than {MAX_MEMBERS:,} members", lasting=True)
        # tarfile takes a header that makes no sense for the end
        file.seek(archive.offset)
        if file.read(tarfile.BLOCKSIZE).strip(b"\0") or not members:
            raise tarfile.ReadError
        rest = file.read(_MAX_PADDING)
        if rest.strip(b"\0") or file.read(1):
            return f"goes on behind its end, after {len(members)} members, where nothing is read"
        file.seek(0, io.SEEK_END)
        ended = file.tell() >= archive.offset + tarfile.BLOCKSIZE
    return None if ended else f"cut short after {len(members)} members: its end is missing"


def _place_of(entry: tarfile.TarInfo) -> MemberPlace | str | None:
    """Where a member lies, or why it is not read; None for a folder and what is no file."""
    if entry.issym() or entry.islnk():
        return "a link, which is not followed"
    if entry.issparse():
        return "stored as a sparse file, which is not read"
    return MemberPlace(entry.offset_data, entry.size) if entry.isreg() else None


class _Headers:
    """A file that is read forward, a header at a time.

    tarfile would read any length that a header claims, and go back to where one leads.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def read(self, size: int) -> bytes:
        if not 0 <= size <= _MAX_HEADER:
            raise tarfile.ReadError("a header is too long")
        return self._file.read(size)

    def seek(self, position: int) -> int:
        if position < self._file.tell() - 1:  # it looks at the last byte of a member
            raise tarfile.ReadError("a header leads back")
        return self._file.seek(position)

    def tell(self) -> int:
        return self._file.tell()
