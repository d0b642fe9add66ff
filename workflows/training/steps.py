"""The batches of each step, made ahead in a thread of their own."""

import contextlib
import queue
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from dgf.model.batch import Batch
from dgf.workflows.data import BatchMaker
from dgf.workflows.training.processes import Processes

STEPS_AHEAD = 2
"""Steps whose batches wait, ready."""

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class MicroBatch:
    """Rows that go through the network at once.

    Args:
        batch: Those that this process computes.
        whole: The rows of all processes, without photos: what the loss compares with. `batch` itself in one process.
        counts: Rows of each process.
        weight: Their share of the step's rows.
    """

    batch: Batch
    whole: Batch
    counts: tuple[int, ...]
    weight: float

    def __len__(self) -> int:
        return sum(self.counts)

    def to(self, device: torch.device) -> "MicroBatch":
        """Copy it to a device; from page-locked memory nobody waits for the copy."""
        batch = self.batch.to(device, non_blocking=True)
        alone = self.whole is self.batch
        return replace(self, batch=batch, whole=batch if alone else self.whole.to(device, non_blocking=True))


def make_step(
    maker: BatchMaker, rows: NDArray[np.int64], accumulate: int, processes: Processes, device: torch.device
) -> list[MicroBatch]:
    """Make the micro-batches of a step: its rows in `accumulate` parts, each divided among the processes."""
    made = []
    for part in np.array_split(rows, min(accumulate, len(rows))):
        shares = np.array_split(part, processes.count)
        counts = tuple(len(share) for share in shares)
        # a process without a row computes one all the same, to take part in what follows; its answer is left out
        own = shares[processes.rank] if counts[processes.rank] else part[:1]
        batch = maker(own)
        whole = batch if processes.count == 1 else maker.examples.text_batch(part)
        if device.type == "cuda":
            alone, batch = whole is batch, _pinned(batch)
            whole = batch if alone else _pinned(whole)
        made.append(MicroBatch(batch, whole, counts, len(part) / len(rows)))
    return made


@contextlib.contextmanager
def made_ahead(items: Iterable[Item], ahead: int = STEPS_AHEAD) -> Iterator[Iterator[Item]]:
    """Take items from an iterable in a thread, a few before they are asked for; the order stays.

    What the iterable raises is raised where its item would have come. The thread ends with the context, however that
    ends.
    """
    ready: queue.Queue[Sequence[Item] | BaseException] = queue.Queue(ahead)  # (item,), () at the end, or what it raised
    left = threading.Event()

    def put(entry: Sequence[Item] | BaseException) -> None:
        while not left.is_set():
            with contextlib.suppress(queue.Full):
                return ready.put(entry, timeout=0.1)

    def work() -> None:
        try:
            for item in items:
                put((item,))
                if left.is_set():
                    return
            put(())
        except BaseException as error:  # raised again by whoever waits for the item
            put(error)

    def take() -> Iterator[Item]:
        while entry := ready.get():
            if isinstance(entry, BaseException):
                raise entry
            yield entry[0]

    thread = threading.Thread(target=work, name="dgf-batches", daemon=True)
    thread.start()
    try:
        yield take()
    finally:
        left.set()
        thread.join()


def _pinned(batch: Batch) -> Batch:
    """The batch in page-locked memory, apart from what is on a GPU already."""
    return batch.each(lambda tensor: tensor.pin_memory() if tensor.device.type == "cpu" else tensor)
