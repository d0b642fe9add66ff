"""The processes of one training on this machine: this one, the first, and its helpers."""

import contextlib
import multiprocessing
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Barrier
from typing import TypeVar

from dgf.pipeline.errors import UserError

LEAVE_SECONDS = 60
"""For a helper to end by itself once the first process has."""

Asked = TypeVar("Asked")
Ready = Callable[[], object]
"""Waits until every process is ready to meet the others; raises BrokenBarrierError where one has failed before."""


@contextlib.contextmanager
def helped(processes: int, work: Callable[[Asked, Ready], object], asked: Asked) -> Iterator[Ready]:
    """Start helpers that run `work(asked, ready)` beside what this process does in the context.

    All find each other through the environment variables that `torchrun` sets too.

    Raises:
        UserError: A helper failed, and this process for no fault of its own.
    """
    spawn = multiprocessing.get_context("spawn")
    barrier = spawn.Barrier(processes)
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": _free_port(), "WORLD_SIZE": processes}
    helpers: list[tuple[BaseProcess, Connection]] = []
    for rank in range(1, processes):
        heard, said = spawn.Pipe(duplex=False)
        given = (work, asked, barrier, said, _variables(place, processes, rank))
        helpers.append((spawn.Process(target=_help, args=given, daemon=True), heard))
    for process, _ in helpers:
        process.start()
    threading.Thread(target=_break_when_one_fails, args=([p for p, _ in helpers], barrier), daemon=True).start()
    try:
        with _environment(_variables(place, processes, 0)):
            yield barrier.wait
        for process, _ in helpers:
            process.join(LEAVE_SECONDS)
    except UserError:
        raise
    except Exception as error:  # the connection to a helper broke, most likely: what it said says more
        if (reason := _reason(helpers)) is None:
            raise
        raise UserError(*reason) from error
    finally:
        for process, _ in helpers:
            process.kill()  # SIGTERM would be noted; a helper has nothing to save
            process.join()


def _help(
    work: Callable[[Asked, Ready], object], asked: Asked, barrier: Barrier, said: Connection, variables: dict[str, str]
) -> None:
    """Be a helper: it ends when the first process does, and tells why where it fails."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process is told too, and ends the others
    first = multiprocessing.parent_process()
    assert first is not None
    threading.Thread(target=_end_with, args=(first,), daemon=True).start()
    os.environ.update(variables)
    try:
        work(asked, barrier.wait)
    except Exception as error:
        said.send(str(error) or type(error).__name__)
        raise SystemExit(1) from None


def _end_with(first: BaseProcess) -> None:
    first.join()
    os._exit(1)


def _break_when_one_fails(helpers: list[BaseProcess], barrier: Barrier) -> None:
    """Let nobody wait for a helper that is gone."""
    alive = list(helpers)
    while alive:
        ended = wait([process.sentinel for process in alive])
        for process in [process for process in alive if process.sentinel in ended]:
            alive.remove(process)
            process.join()
            if process.exitcode:
                barrier.abort()


def _reason(helpers: list[tuple[BaseProcess, Connection]]) -> tuple[str, str] | None:
    """What the first helper that failed said; None where all are well."""
    for rank, (process, heard) in enumerate(helpers, start=1):
        process.join(1)
        if process.exitcode:
            with contextlib.suppress(EOFError):
                if heard.poll():
                    return f"process {rank} of the training failed: {heard.recv()}", "The first process ended with it."
            return (
                f"process {rank} of the training died with code {process.exitcode}",
                "It may have run out of memory: start fewer processes.",
            )
    return None


def _variables(place: Mapping[str, object], processes: int, rank: int) -> dict[str, str]:
    here = {"RANK": rank, "LOCAL_RANK": rank, "LOCAL_WORLD_SIZE": processes}
    return {name: str(value) for name, value in {**place, **here}.items()}


@contextlib.contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
