"""Keeping an address to one run at a time, wherever the others are.

A lock of this machine says whether another run here writes to the address. For those on other machines there lies a
claim at the address, `.claim.json`, which its run renews while it lives: one that is not renewed is of a dead run, and
is taken over; at once where it was made here, since a living run would hold the lock.
"""

import contextlib
import json
import logging
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

from filelock import FileLock, Timeout

from dgf.pipeline.errors import FolderTakenError, UserError
from dgf.pipeline.files import write_atomic
from dgf.pipeline.storage.address import Address
from dgf.pipeline.storage.mirror import Mirror
from dgf.pipeline.storage.remote import Remote

CLAIM = ".claim.json"

BEAT_SECONDS = 10.0
"""How often a run renews its claim."""

DEAD_SECONDS = 60.0
"""How long a claim is watched that is not renewed, before it counts as that of a dead run."""

SETTLE_SECONDS = 1.0
"""How long a run that took over an address waits before it looks whether another has done so at the same time."""

_LOCK_SECONDS = 0.2

_log = logging.getLogger(__name__)


class AddressHold:
    """A run's claim to an address, renewed in a thread while the run lives."""

    def __init__(self, mirror: Mirror) -> None:
        self._address = mirror.address
        self._remote = mirror.remote
        self._claim = {"run": secrets.token_hex(8), "made": _own_mark(mirror), "host": socket.gethostname()}
        self._beats = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="claim", daemon=True)

    @property
    def run(self) -> str:
        """What tells this run from others."""
        return str(self._claim["run"])

    def take(self) -> None:
        """Lay the claim, and begin to renew it.

        Raises:
            FolderTakenError: Another run holds the address.
        """
        waited = False
        while not self._remote.create(CLAIM, self._data()):
            self._remove_dead()
            waited = True
        if waited:  # another run that watched the same dead claim may have removed this one for it
            time.sleep(SETTLE_SECONDS)
            if not holds(self._remote, self.run):
                raise _taken(self._address, find_claim(self._remote))
        self._thread.start()

    def end(self) -> None:
        """Take the claim back; where that fails, it counts as that of a dead run later."""
        self._ended.set()
        self._thread.join()
        try:
            found = find_claim(self._remote)
            if found is not None and found.get("run") == self.run:
                self._remote.remove([CLAIM])
        except UserError as error:
            _log.warning("the claim was left there: %s", error.message)

    def _remove_dead(self) -> None:
        """Remove the claim that is there once it is known to be of a dead run, unless it is another's by then."""
        first = find_claim(self._remote)
        if first is None:
            return
        changed = first.get("made") != self._claim["made"] and self._changes(first)
        now = find_claim(self._remote)
        if now is None:
            return
        if changed or now != first:
            raise _taken(self._address, now or first)  # one that is just being renewed may not be whole
        _log.warning("%s: the run on %s that wrote there is dead: going on", self._address, _host(first))
        self._remote.remove([CLAIM])  # and then see who is the first to lay another

    def _changes(self, claim: dict[str, Any]) -> bool:
        """Watch another machine's claim, and see whether its run lives."""
        _log.info(
            "%s: a run on %s may be at work there: waiting up to %.0f s to see whether it lives",
            self._address,
            _host(claim),
            DEAD_SECONDS,
        )
        deadline = time.monotonic() + DEAD_SECONDS
        while time.monotonic() < deadline:
            time.sleep(min(1.0, DEAD_SECONDS / 10))
            if find_claim(self._remote) != claim:
                return True
        return False

    def _renew(self) -> None:
        while not self._ended.wait(BEAT_SECONDS):
            try:
                if not holds(self._remote, self.run):
                    return
                self._beats += 1
                self._remote.write(CLAIM, self._data())
            except UserError as error:  # the next time, perhaps; shards say the same where it stays so
                _log.warning("the claim was not renewed: %s", error.message)

    def _data(self) -> bytes:
        return json.dumps({**self._claim, "beats": self._beats}).encode()


def find_claim(remote: Remote) -> dict[str, Any] | None:
    """The claim that is there; one that cannot be read is like one of nobody, which is not renewed."""
    data = remote.read(CLAIM)
    if data is None:
        return None
    with contextlib.suppress(ValueError, RecursionError):
        content = json.loads(data)
        if isinstance(content, dict):
            return content
    return {}


def holds(remote: Remote, run: str) -> bool:
    """Whether an address is still held by this run; any of its processes can look.

    Where there is no claim, another run took the address over and has ended. One that cannot be read is half-written.

    Raises:
        UserError: The address cannot be read.
    """
    found = find_claim(remote)
    return found is not None and found.get("run", run) == run


def check_claim(remote: Remote, run: str) -> None:
    """See that no other run than this has taken an address over, such as while this machine slept.

    Raises:
        FolderTakenError: One has.
    """
    if not holds(remote, run):
        raise FolderTakenError(
            f"{remote.address}: another run has taken it over, since this one did not renew its claim.",
            "Wait for that run; then the same command does what is left.",
        )


@contextlib.contextmanager
def hold_address(mirror: Mirror) -> Iterator[str]:
    """Keep every other run from writing to an address while this one does, and give what tells this run from others.

    Raises:
        FolderTakenError: Another is at work there.
        UserError: The address cannot be written.
    """
    mirror.path.mkdir(parents=True, exist_ok=True)
    lock = FileLock(mirror.home / "writing.lock")
    try:
        lock.acquire(timeout=_LOCK_SECONDS)
    except Timeout:
        raise _taken(mirror.address, None) from None
    try:
        hold = AddressHold(mirror)
        hold.take()
        try:
            yield hold.run
        finally:
            hold.end()
    finally:
        lock.release()


def _taken(address: Address, claim: dict[str, Any] | None) -> FolderTakenError:
    where = f", on {_host(claim)}" if claim else ""
    return FolderTakenError(f"{address} is being written by another run{where}.", "Wait for it, or give another --out.")


def _host(claim: dict[str, Any]) -> str:
    return str(claim.get("host", "another machine"))


def _own_mark(mirror: Mirror) -> str:
    """What tells this copy of the address from those of other machines: made once, at random."""
    path = mirror.home / "mark"
    if not path.exists():
        write_atomic(path, secrets.token_hex(8).encode())
    return path.read_text(encoding="utf-8")
