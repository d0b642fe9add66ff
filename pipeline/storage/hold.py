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
from dgf.pipeline.storage.mirror import Mirror

CLAIM = ".claim.json"

BEAT_SECONDS = 10.0
"""How often a run renews its claim."""

DEAD_SECONDS = 60.0
"""How long a claim is watched that is not renewed, before it counts as that of a dead run."""

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
        self._lost = False
        self._thread = threading.Thread(target=self._renew, name="claim", daemon=True)

    def take(self) -> None:
        """Lay the claim, and begin to renew it.

        Raises:
            FolderTakenError: Another run holds the address.
        """
        while not self._remote.create(CLAIM, self._data()):
            self._wait_for_dead()
            self._remote.remove([CLAIM])  # and then see who is the first to lay another
        self._thread.start()

    @property
    def lost(self) -> bool:
        """Whether another run has taken the address over."""
        return self._lost

    def check(self) -> None:
        """See that no other run has taken the address over, such as while this machine slept.

        Raises:
            FolderTakenError: One has.
        """
        if self._lost:
            raise FolderTakenError(
                f"{self._address}: another run has taken it over, since this one did not renew its claim.",
                "Wait for that run; then the same command does what is left.",
            )

    def end(self) -> None:
        """Take the claim back; where that fails, it counts as that of a dead run later."""
        self._ended.set()
        self._thread.join()
        try:
            if not self._lost:
                self._remote.remove([CLAIM])
        except UserError as error:
            _log.warning("the claim was left there: %s", error.message)

    def _wait_for_dead(self) -> None:
        """Wait until the claim that is there is known to be of a dead run."""
        first = self._found()
        if first is not None and first.get("made") != self._claim["made"]:
            _log.info(
                "%s: a run on %s may be at work there: waiting up to %.0f s to see whether it lives",
                self._address,
                first.get("host"),
                DEAD_SECONDS,
            )
            deadline = time.monotonic() + DEAD_SECONDS
            while time.monotonic() < deadline:
                time.sleep(min(1.0, DEAD_SECONDS / 10))
                now = self._found()
                if now is None:
                    return
                if now != first:
                    raise FolderTakenError(
                        f"{self._address} is being written by another run, on {now.get('host')}.",
                        "Wait for it, or give another --out.",
                    )
        if first is not None:
            _log.warning("%s: the run on %s that wrote there is dead: going on", self._address, first.get("host"))

    def _renew(self) -> None:
        while not self._ended.wait(BEAT_SECONDS):
            try:
                found = self._found()
                if found is not None and found.get("run") != self._claim["run"]:
                    self._lost = True
                    return
                self._beats += 1
                self._remote.write(CLAIM, self._data())
            except UserError as error:  # the next time, perhaps; shards say the same where it stays so
                _log.warning("the claim was not renewed: %s", error.message)

    def _found(self) -> dict[str, Any] | None:
        """The claim that is there; one that cannot be read is like one of nobody, which is not renewed."""
        data = self._remote.read(CLAIM)
        if data is None:
            return None
        with contextlib.suppress(ValueError, RecursionError):
            content = json.loads(data)
            if isinstance(content, dict):
                return content
        return {}

    def _data(self) -> bytes:
        return json.dumps({**self._claim, "beats": self._beats}).encode()


@contextlib.contextmanager
def hold_address(mirror: Mirror) -> Iterator[AddressHold]:
    """Keep every other run from writing to an address while this one does.

    Raises:
        FolderTakenError: Another is at work there.
        UserError: The address cannot be written.
    """
    mirror.path.mkdir(parents=True, exist_ok=True)
    lock = FileLock(mirror.home / "writing.lock")
    try:
        lock.acquire(timeout=_LOCK_SECONDS)
    except Timeout:
        raise FolderTakenError(
            f"{mirror.address} is being written by another run.", "Wait for it, or give another --out."
        ) from None
    try:
        hold = AddressHold(mirror)
        hold.take()
        try:
            yield hold
        finally:
            hold.end()
    finally:
        lock.release()


def _own_mark(mirror: Mirror) -> str:
    """What tells this copy of the address from those of other machines: made once, at random."""
    path = mirror.home / "mark"
    if not path.exists():
        write_atomic(path, secrets.token_hex(8).encode())
    return path.read_text(encoding="utf-8")
