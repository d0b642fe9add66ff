"""SIGTERM, which schedulers send before they kill: the step under way is finished and saved first."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType

from dgf.pipeline.errors import UserError

TERMINATED = 128 + signal.SIGTERM
"""Exit code of a run that was asked to end and saved where it stood: 143, as shells count."""


class TerminatedError(UserError):
    """The run was asked to end, and everything up to now is saved."""


@contextlib.contextmanager
def noting_sigterm() -> Iterator[Callable[[], bool]]:
    """Note SIGTERM instead of dying of it, while the context lasts; yields what says whether it came.

    Contexts within one another, such as a run's within a sweep's, share what they note: each of them hears of it.
    Only the main thread may do so; elsewhere, such as in a Dask worker's thread, the signal acts as ever.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    before = signal.getsignal(signal.SIGTERM)
    note = before if isinstance(before, _Note) else _Note()
    signal.signal(signal.SIGTERM, note)
    try:
        yield note.came.is_set
    finally:
        signal.signal(signal.SIGTERM, before)


class _Note:
    """A handler that sets `came`, and nothing else."""

    def __init__(self) -> None:
        self.came = threading.Event()

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        self.came.set()
