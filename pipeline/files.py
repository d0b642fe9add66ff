"""How files are written so that a kill at any moment leaves nothing half-done, and how a folder is kept to one writer.

A file is written under a temporary name, `.part-<random>-NAME`, flushed, and renamed. Its writer holds a lock on the
part while it lives, which is how the remains of the dead are told from the work of the living.

A record is a JSON object that carries a checksum of itself, so that a changed byte is noticed when it is read.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import re
import secrets
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from dgf.pipeline.errors import FolderTakenError

PART = ".part-"
LOCK = ".lock"
CHECKSUM = "checksum"
"""Key of a record's SHA-256 over the canonical JSON of its other keys."""

_PART_NAME = re.compile(re.escape(PART) + r"[0-9a-f]{12}-.")
_LOCK_CONTENT = re.compile(rb"\d+\n|\s*$")
"""Nothing, or a process id (where the file system knows no locks)."""

_LOCK_SECONDS = 0.2
"""For a second attempt: a driver that has just ended may have removed the file between our opening and our locking."""

_BEGIN_SECONDS = 10.0
"""How long one of several runs waits for another that begins the folder."""

_POLL_SECONDS = 0.05


def write_atomic(path: Path, data: bytes) -> None:
    """Write a small file so that a reader sees the old or the new content, never a part."""
    with part_file(path) as part:
        part.write_bytes(data)
        finish_part(part, path)


def write_json(path: Path, content: object) -> None:
    """`write_atomic` of readable JSON."""
    write_atomic(path, _json_bytes(content))


def canonical_digest(content: object) -> str:
    """SHA-256 of the canonical JSON, hexadecimal: equal values, equal digest, whatever the order of the keys."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def write_record(path: Path, content: Mapping[str, Any]) -> None:
    """Write an object with its checksum; a file that says the same already stays as it is, byte for byte."""
    checksum = canonical_digest(content)
    with contextlib.suppress(OSError, ValueError):
        if canonical_digest(read_record(path)) == checksum:
            return
    write_atomic(path, record_bytes(content))


def record_bytes(content: Mapping[str, Any]) -> bytes:
    """What `write_record` writes of an object."""
    return _json_bytes({**content, CHECKSUM: canonical_digest(content)})


def read_record(path: Path) -> dict[str, Any]:
    """Read what `write_record` wrote, without its checksum; a file of an older version has none.

    Raises:
        OSError: The file is missing or cannot be read.
        ValueError: It does not hold a JSON object, or is not what was written.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except RecursionError:
        raise ValueError("nested without end") from None
    if not isinstance(content, dict):
        raise ValueError("not a JSON object")
    checksum = content.pop(CHECKSUM, None)
    if checksum is not None and checksum != canonical_digest(content):
        raise ValueError("it has changed since dgf wrote it: its checksum is of other content")
    return content


def _json_bytes(content: object) -> bytes:
    return (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode()


def is_part(name: str) -> bool:
    """Whether a file's name is one that `part_file` gives."""
    return _PART_NAME.match(name) is not None


def file_digest(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def part_file(path: Path) -> Iterator[Path]:
    """A new temporary file beside `path`, locked by this process while it lives, gone afterwards."""
    part = path.with_name(f"{PART}{secrets.token_hex(6)}-{path.name}")
    descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield part
    finally:
        part.unlink(missing_ok=True)
        os.close(descriptor)


def finish_part(part: Path, path: Path) -> None:
    """Give a written part its final name, with file and folder synced to the disk."""
    with part.open("rb+") as file:
        os.fsync(file.fileno())
    os.replace(part, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def remove_dead_parts(folder: Path) -> None:
    """Remove temporary files whose writer is gone: nobody holds their lock. What another user left stays."""
    for part in folder.glob(f"{PART}*"):
        if not is_part(part.name):
            continue
        # Not by the library that `exclusive` uses: asking must create nothing and change no byte of a living part.
        with contextlib.suppress(FileNotFoundError, BlockingIOError, PermissionError), part.open("rb+") as file:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
            part.unlink(missing_ok=True)


@contextlib.contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Keep every other run out of a folder while this one works in it.

    Raises:
        UserError: Another is at work there, or its lock would take the place of a file that dgf did not write.
    """
    _check_lock(folder)
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=_LOCK_SECONDS)
    except Timeout:
        raise _taken(folder) from None
    try:
        yield
    finally:
        (folder / LOCK).unlink(missing_ok=True)  # while it is held: whoever waits for it sees that it is gone
        lock.release()


class SharedHold:
    """A hold on a folder that several runs share (`hold_together`): alone while it is begun, then beside others."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._last: bool | None = None

    def let_others_in(self) -> None:
        """The folder is begun."""
        fcntl.flock(self._descriptor, fcntl.LOCK_SH)

    def end(self) -> bool:
        """Give the hold up; True if it was the last, and then no other run gets in before the context has ended."""
        if self._last is None:  # asked once: a lock that cannot be had alone may be lost by asking
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._last = True
            except BlockingIOError:
                self._last = False
        return self._last


@contextlib.contextmanager
def hold_together(folder: Path) -> Iterator[SharedHold]:
    """Work in a folder beside other runs that do so too, and keep out whoever wants it for itself (`exclusive`).

    Raises:
        UserError: A run that wants it for itself is at work there, or the lock would take the place of a file that dgf
            did not write.
    """
    _check_lock(folder)
    deadline = time.monotonic() + _BEGIN_SECONDS
    while (descriptor := _lock_first_or_shared(folder / LOCK)) is None:
        if time.monotonic() > deadline:
            raise _taken(folder)
        time.sleep(_POLL_SECONDS)
    hold = SharedHold(descriptor)
    try:
        yield hold
    finally:
        if hold.end():
            (folder / LOCK).unlink(missing_ok=True)
        os.close(descriptor)


def _lock_first_or_shared(path: Path) -> int | None:
    """A descriptor of the lock, held alone where nobody has it, or else with others; None where neither can be had."""
    path.parent.mkdir(parents=True, exist_ok=True)  # a run that failed may have removed it
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    for kind in (fcntl.LOCK_EX, fcntl.LOCK_SH):
        with contextlib.suppress(BlockingIOError, FileNotFoundError):
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
            # Whoever held it may have removed the file between our opening and our locking.
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
    os.close(descriptor)
    return None


def _check_lock(folder: Path) -> None:
    """Refuse a file that has the lock's name and is none."""
    with contextlib.suppress(FileNotFoundError):
        if not _LOCK_CONTENT.match((folder / LOCK).read_bytes()):
            raise FolderTakenError(f"{folder} holds a {LOCK} that dgf did not write.", "Give another --out.")


def _taken(folder: Path) -> FolderTakenError:
    return FolderTakenError(f"{folder} is being written by another run.", "Wait for it, or give another --out.")
