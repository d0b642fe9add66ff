"""Runs cases in worker processes: a crash or a hang costs the worker and names the case."""

import json
import os
import re
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .cases import Outcome
from .sandbox import Sandbox
from .targets import TARGETS

Job = tuple[str, int]

_TESTS = Path(__file__).resolve().parents[1]
_START_S = 120.0
_SEEDS_S = 40.0
"""For making a target's seeds, which its first case waits for."""

_PATIENCE = 3.0
"""How many times its limit a case may take before it is killed."""

_LINE = re.compile(r'File "[^"]*?((?:cli|workflows|pipeline|model)/[^"]*)", line (\d+)')


def share_out(count: int, only: str | None = None) -> list[Job]:
    """How many cases each target gets, by its weight, at least one; none where it has no weight."""
    weights = {name: target.weight for name, target in TARGETS.items() if only in (None, name) and target.weight}
    total = sum(weights.values())
    return [(name, n) for name, weight in weights.items() for n in range(max(1, round(count * weight / total)))]


@dataclass
class _Worker:
    """A process and what it is at."""

    root: Path
    seed: int
    process: "subprocess.Popen[bytes]" = field(init=False)
    job: Job | None = None
    known: set[str] = field(default_factory=set)
    deadline: float = 0.0
    ready: bool = False

    def start(self) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        paths = os.pathsep.join(filter(None, (str(_TESTS), os.environ.get("PYTHONPATH"))))
        environment = {**os.environ, **Sandbox.environment(self.root), "PYTHONPATH": paths}
        command = [sys.executable, "-m", "fuzz.worker", str(self.root), str(self.seed)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
        self.known.clear()
        self.ready, self.job, self.deadline = False, None, time.monotonic() + _START_S

    def give(self, job: Job | None) -> None:
        self.job = job
        if job is not None:
            assert self.process.stdin is not None
            self.process.stdin.write(json.dumps(job).encode() + b"\n")
            self.process.stdin.flush()
            first = job[0] not in self.known
            self.known.add(job[0])
            self.deadline = time.monotonic() + _PATIENCE * TARGETS[job[0]].seconds + first * _SEEDS_S

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()

    def autopsy(self, *, hung: bool) -> Outcome:
        """What killed the process, or holds it, from the traceback that faulthandler wrote."""
        assert self.job is not None
        if hung:
            self.process.send_signal(signal.SIGUSR1)
            time.sleep(0.5)
        self.end()
        log = (self.root / "log").read_text(encoding="utf-8", errors="replace")[-4000:]
        found = _LINE.search(log)
        place = f"{found[1]}:{found[2]}" if found else ""
        code = self.process.returncode
        kind = "hang" if hung else f"crash: {signal.Signals(-code).name if code < 0 else code}"
        return Outcome(*self.job, kind, place, log)


def run_cases(jobs: Iterable[Job], seed: int, processes: int = 1) -> Iterator[Outcome]:
    """Yield the outcome of every job, as they end.

    Raises:
        RuntimeError: A worker cannot start.
    """
    root = Path(tempfile.mkdtemp(prefix="fuzz-"))
    waiting = iter(jobs)
    workers = [_Worker(root / f"worker-{number}", seed) for number in range(processes)]
    selector = selectors.DefaultSelector()
    try:
        for worker in workers:
            _begin(worker, selector)
        while selector.get_map():
            events = selector.select(0.5)
            for key, _ in events:
                yield from _listen(key.data, waiting, selector)
            for worker in workers:
                late = worker.process.poll() is None and time.monotonic() > worker.deadline
                if late and (worker.job is not None or not worker.ready):
                    yield from _replace(worker, waiting, selector, hung=True)
    finally:
        for worker in workers:
            worker.end()
        shutil.rmtree(root, ignore_errors=True)


def _begin(worker: _Worker, selector: selectors.BaseSelector) -> None:
    worker.start()
    selector.register(worker.process.stdout, selectors.EVENT_READ, worker)  # type: ignore[arg-type]


def _listen(worker: _Worker, waiting: Iterator[Job], selector: selectors.BaseSelector) -> Iterator[Outcome]:
    """Take a worker's line, and give it the next job."""
    assert worker.process.stdout is not None
    line = worker.process.stdout.readline()
    if not line:
        yield from _replace(worker, waiting, selector, hung=False)
        return
    answer: dict[str, Any] = json.loads(line)
    if worker.ready:
        yield Outcome(**answer)
    worker.ready = True
    worker.give(next(waiting, None))
    if worker.job is None:
        selector.unregister(worker.process.stdout)


def _replace(
    worker: _Worker, waiting: Iterator[Job], selector: selectors.BaseSelector, *, hung: bool
) -> Iterator[Outcome]:
    """Bury a worker, and start another in its place."""
    selector.unregister(worker.process.stdout)  # type: ignore[arg-type]
    if worker.job is None:
        worker.end()
        log = (worker.root / "log").read_text(encoding="utf-8", errors="replace")
        raise RuntimeError(f"a worker cannot start:\n{log}")
    if not hung:
        worker.process.wait()
    yield worker.autopsy(hung=hung)
    shutil.rmtree(worker.root, ignore_errors=True)
    _begin(worker, selector)
