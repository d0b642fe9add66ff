"""What has been fetched of an address, in a folder of this machine from which everything is read as it always is.

    $DGF_CACHE/addresses/<digest>-<name>/     by default in ~/.cache/dgf
        address.txt     which address it is of
        files/          the files, by their names there
        fetch.lock      held while files are fetched
        writing.lock    held by the run here that writes to the address
        mark            what tells this copy from those of other machines, for the claim of that run

A file is fetched under a temporary name and renamed. One that is there is used again where size and time are those of
the file at the address. Nothing is ever removed to make room: whoever needs the room removes the folder.
"""

import contextlib
import hashlib
import logging
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from dgf.pipeline.files import finish_part, part_file, remove_dead_parts, write_atomic
from dgf.pipeline.storage.address import Address
from dgf.pipeline.storage.remote import Remote, RemoteFile

_AT_ONCE = 16
"""Files that are fetched at once."""

_LOCK_SECONDS = 2.0
"""How long a run waits for another before it says so."""

_SAME_TIME = 1e-3
"""Seconds: file systems round the times of files."""

_NAMED = "address.txt"
_FILES = "files"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Mirror:
    """The folder of this machine for one address."""

    address: Address

    @property
    def home(self) -> Path:
        """Where it keeps what it needs beside the files."""
        text = str(self.address)
        readable = re.sub(r"[^A-Za-z0-9._-]+", "-", self.address.name)[:40]
        return _all_mirrors() / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}-{readable}"

    @property
    def path(self) -> Path:
        """Where the files are."""
        return self.home / _FILES

    @property
    def remote(self) -> Remote:
        """The files at the address."""
        return Remote(self.address)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Be the only one here that changes the copy, after waiting for whoever does."""
        self.path.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.home / "fetch.lock")
        try:
            lock.acquire(timeout=_LOCK_SECONDS)
        except Timeout:
            _log.info("%s: waiting for another run here that fetches from it", self.address)
            lock.acquire()
        try:
            if not (self.home / _NAMED).exists():
                write_atomic(self.home / _NAMED, f"{self.address}\n".encode())
            yield
        finally:
            lock.release()

    def is_fresh(self, name: str, about: RemoteFile) -> bool:
        """Whether the copy has size and time of the file at the address; where no time is known, it has not."""
        try:
            here = (self.path / name).stat()
        except (OSError, ValueError):
            return False
        same_time = about.written is not None and abs(here.st_mtime - about.written) < _SAME_TIME
        return same_time and here.st_size == about.size

    def fetch(
        self,
        name: str,
        about: RemoteFile | None = None,
        *,
        check: Callable[[Path], object] = lambda part: None,
        limit: int | None = None,
    ) -> bool:
        """Fetch one file, in place of the copy that is there; False where there is none at the address.

        Args:
            name: Of the file.
            about: What is known of it, which the copy is told by later.
            check: Raises a `UserError` where what was fetched is not what it must be.
            limit: Bytes of the largest file that is wanted whole.

        Raises:
            UserError: It cannot be fetched, or is not what it must be.
        """
        target = self.path / name
        self.path.mkdir(parents=True, exist_ok=True)
        with part_file(self.path / target.name) as part:
            if not self.remote.fetch(name, part, limit):
                return False
            check(part)
            if about is not None and about.written is not None:
                os.utime(part, (about.written, about.written))
            target.parent.mkdir(parents=True, exist_ok=True)  # not before the file is known to be there
            finish_part(part, target)
        return True

    def fetch_all(
        self, wanted: Mapping[str, RemoteFile | None], fetched: Callable[[], object] = lambda: None
    ) -> set[str]:
        """Fetch files, several at a time, and call `fetched` after each; returns the names of those that are not there.

        Raises:
            UserError: One cannot be fetched.
        """

        def fetch(item: tuple[str, RemoteFile | None]) -> bool:
            there = self.fetch(*item)
            fetched()
            return there

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            there = list(pool.map(fetch, wanted.items()))
        return {name for name, found in zip(wanted, there, strict=True) if not found}

    def empty(self) -> None:
        """Remove all copies."""
        with self.locked():
            shutil.rmtree(self.path)
            self.path.mkdir()

    def clean(self) -> None:
        """Remove what killed runs left half-fetched beside the copies."""
        remove_dead_parts(self.path)


def name_addresses(text: str) -> str:
    """Put addresses in place of the paths of their copies, in what is told to a user."""
    everything = _all_mirrors()
    if str(everything) not in text:
        return text
    for named in everything.glob(f"*/{_NAMED}"):
        with contextlib.suppress(OSError):
            text = text.replace(str(named.parent / _FILES), named.read_text(encoding="utf-8").strip())
    return text


def _all_mirrors() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    return Path(os.environ.get("DGF_CACHE") or Path(cache) / "dgf").absolute() / "addresses"
