"""One case: made from its target and number, run, and judged."""

import os
import re
import time
import traceback
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from . import Files
from .command import BrokenError, RefusedError
from .mutate import mutate_files
from .sandbox import Sandbox
from .targets import TARGETS, Case

MAX_GROWTH = 1 << 30
"""Bytes by which a case may let the process grow."""

FULL_CHECK_EVERY = 50

NO_SEED = "there is no such seed"

FOREIGN = ("weights_only=False", "allow_pickle", "trust_remote_code", "pickle", "torch.load", "ignore_mismatched_sizes")
"""Advice of libraries that our users must not be given."""

_CHUNK = 1 << 20


@dataclass(frozen=True)
class Outcome:
    """How a case ended.

    Args:
        target: Name of the target.
        number: Of the case.
        kind: `read`, `refused`, or the name of the fault.
        place: Innermost line of dgf, where there is one.
        message: What was said.
        seconds: Of reading.
        growth: Bytes of memory.
    """

    target: str
    number: int
    kind: str
    place: str = ""
    message: str = ""
    seconds: float = 0.0
    growth: int = 0

    @property
    def failed(self) -> bool:
        return self.kind not in ("read", "refused")

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "message": self.message[:2000]}


@cache
def _seeds(target: str) -> list[Files]:
    return list(TARGETS[target].seeds())


@cache
def _warm_up(sandbox: Sandbox, target: str) -> None:
    """Read a seed, so that what is imported for it does not count as a case's time and memory."""
    sandbox.write(_seeds(target)[0])
    _read(Case(sandbox.case, sandbox.out, 0), target)


def make_case(seed: int, target: str, number: int) -> Files:
    """The same files for the same three, in every process; -1 and below are the seeds themselves."""
    if number < 0:
        if -number > len(_seeds(target)):
            raise IndexError(NO_SEED)
        return _seeds(target)[-1 - number]
    rng = Random(f"{seed}/{target}/{number}")
    files = mutate_files(rng, _seeds(target), TARGETS[target].mutable)
    return TARGETS[target].repair(files) if number % 2 else files


def run_case(sandbox: Sandbox, seed: int, target: str, number: int) -> Outcome:
    """Lay the case out, read it, and judge what happened."""
    _warm_up(sandbox, target)
    files = make_case(seed, target, number)
    sandbox.write(files)

    # read it
    before = _reset_peak()
    started, worked = time.perf_counter(), time.process_time()
    kind, place, message = _read(Case(sandbox.case, sandbox.out, number), target)
    # its own processor time, since other processes may have slowed this one down
    seconds, work = time.perf_counter() - started, time.process_time() - worked
    growth = max(0, _memory("VmHWM") - before)

    # judge what it said, took and left
    if kind in ("read", "refused"):
        limit = TARGETS[target].seconds
        own = message.replace(str(sandbox.root), "")
        if advice := next((words for words in FOREIGN if words in own), None):
            kind, message = f"advice: {advice}", own
        elif growth > MAX_GROWTH:
            kind, message = "memory", f"{growth >> 20} MiB; {message}"
        elif work > limit:
            kind, message = "slow", f"{work:.1f} s of the processor, {seconds:.1f} s in all; {message}"
        elif found := _touched(sandbox, files, number, writes=TARGETS[target].writes):
            kind, message = f"touched: {found}", f"{found}; {message}"
            sandbox.forgive()
    return Outcome(target, number, kind, place, message, seconds, growth)


def _read(case: Case, target: str) -> tuple[str, str, str]:
    from dgf.model.errors import ModelError
    from dgf.pipeline.errors import UserError
    from dgf.pipeline.photos import ImageError

    try:
        return "read", "", str(TARGETS[target].run(case) or "")
    except (UserError, ModelError, ImageError, RefusedError) as error:
        return "refused", innermost(error), str(error)
    except BrokenError as error:
        return error.kind, error.place, str(error)
    except KeyboardInterrupt:
        raise
    # Rust's panics are no Exceptions.
    except BaseException as error:
        return type(error).__name__, innermost(error), f"{error}"


def innermost(error: BaseException) -> str:
    """The innermost line of dgf's own code that an exception passed through."""
    place = ""
    for frame, line in traceback.walk_tb(error.__traceback__):
        module = str(frame.f_globals.get("__name__"))
        if module.startswith("dgf."):
            place = f"{'/'.join(module.split('.')[1:])}.py:{line}"
    return place


def _touched(sandbox: Sandbox, files: Files, number: int, *, writes: bool) -> str | None:
    if found := sandbox.left_behind():
        return re.sub(r"tmp/\S+", "tmp/...", found)
    if number % FULL_CHECK_EVERY == 0 and (found := sandbox.touched()):
        return found
    return None if writes or number % 10 else sandbox.changed_case(files)


def _reset_peak() -> int:
    """Bytes in memory now; the peak is counted from here on."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return _memory("VmHWM")
    return _memory("VmRSS")


def _memory(field: str) -> int:
    with open("/proc/self/status", encoding="ascii") as file:
        return next((int(line.split()[1]) << 10 for line in file if line.startswith(field)), 0)


def write_case(folder: Path, seed: int, target: str, number: int) -> None:
    """Lay a case out to be looked at."""
    os.makedirs(folder, exist_ok=True)
    for name, content in make_case(seed, target, number).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if content is None:
            path.mkdir(exist_ok=True)
        else:
            path.write_bytes(content)
