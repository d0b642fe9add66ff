"""Several processes at one run: each computes a share of every batch, and all take the same step.

Each process scores its rows; the scores of all are brought together *before* the loss, which every process computes of
the whole batch. So a loss that compares rows with one another (eq. 12) sees the rows of all processes, and the sum of
the processes' gradients is the gradient that one process would have found, however the rows were divided.
"""

import contextlib
import datetime
import os
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor, distributed, nn

from dgf.pipeline.errors import UserError

PATIENCE = datetime.timedelta(hours=3)
"""Time that processes wait for one another: the first validates and writes while the others wait."""


@dataclass(frozen=True, slots=True)
class Processes:
    """This process among those of its run.

    Args:
        rank: Its number; the first, 0, writes and validates.
        count: How many there are.
        host: The group for values in host memory: exchanging them waits for no GPU.
    """

    rank: int = 0
    count: int = 1
    host: Any = None

    @property
    def first(self) -> bool:
        """Whether it is the one that writes."""
        return self.rank == 0

    def gather(self, output: Any, counts: Sequence[int]) -> Any:
        """Put the rows of all processes into a model's output, in their order.

        Every tensor of it that a loss may send a gradient through, (b, ...), becomes that of all rows, (B, ...).

        Args:
            output: A dataclass; see `dgf.model.interface.Output`.
            counts: Rows of each process.
        """
        if self.count == 1:
            return output
        tensors = {field.name: getattr(output, field.name) for field in fields(output)}
        scored = {name: value for name, value in tensors.items() if isinstance(value, Tensor) and value.requires_grad}
        return replace(output, **{name: _Gather.apply(value, counts, self.rank) for name, value in scored.items()})

    def sum_gradients(self, parameters: Sequence[nn.Parameter]) -> None:
        """Give every process the sum of all gradients.

        A parameter that no process used keeps no gradient, so that the optimizer leaves it alone as it would in one
        process.
        """
        if self.count == 1:
            return
        used = torch.tensor([p.grad is not None for p in parameters], dtype=torch.uint8)
        distributed.all_reduce(used, distributed.ReduceOp.MAX, group=self.host)
        shared = [p for p, somewhere in zip(parameters, used.tolist(), strict=True) if somewhere]
        if not shared:
            return
        flat = torch.cat([(torch.zeros_like(p) if p.grad is None else p.grad).flatten() for p in shared])
        distributed.all_reduce(flat)
        for parameter, part in zip(shared, flat.split([p.numel() for p in shared]), strict=True):
            parameter.grad = part.view_as(parameter)

    def summed(self, own: Tensor | None) -> Tensor:
        """Return the sum of what all processes give of something that each of them has; `own` stays as it is."""
        if own is None:
            raise ValueError("there is nothing to sum")
        if self.count == 1:
            return own
        whole = own.clone()
        distributed.all_reduce(whole)
        return whole

    def any(self, *claims: bool) -> list[bool]:
        """Say of each claim whether any process makes it."""
        if self.count == 1:
            return list(claims)
        flags = torch.tensor(claims, dtype=torch.uint8)
        distributed.all_reduce(flags, distributed.ReduceOp.MAX, group=self.host)
        return [bool(flag) for flag in flags]

    def from_first(self, value: float) -> float:
        """Tell every process a number of the first one's."""
        if self.count == 1:
            return value
        told = torch.tensor(value, dtype=torch.float64)
        distributed.broadcast(told, 0, group=self.host)
        return float(told)

    def collect(self, row: Tensor) -> list[Tensor]:
        """Return the (n,) tensors that all processes give, in host memory, by rank."""
        if self.count == 1:
            return [row]
        rows = [torch.empty_like(row) for _ in range(self.count)]
        distributed.all_gather(rows, row, group=self.host)
        return rows

    def wait(self) -> None:
        """Wait until every process is here."""
        if self.count > 1:
            distributed.barrier(group=self.host)


ALONE = Processes()


class _Gather(torch.autograd.Function):
    """Rows of all processes; backward each takes the gradient of its own rows, the loss being the same everywhere."""

    @staticmethod
    def forward(ctx: Any, own: Tensor, counts: Sequence[int], rank: int) -> Tensor:
        ctx.start, ctx.count, ctx.made = sum(counts[:rank]), counts[rank], len(own)
        padded = own.new_zeros(max(max(counts), len(own)), *own.shape[1:])
        padded[: len(own)] = own
        parts = [torch.empty_like(padded) for _ in counts]
        distributed.all_gather(parts, padded)
        return torch.cat([part[:count] for part, count in zip(parts, counts, strict=True)])

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor, None, None]:
        [whole] = gradients
        own = whole.new_zeros(ctx.made, *whole.shape[1:])
        own[: ctx.count] = whole[ctx.start : ctx.start + ctx.count]
        return own, None, None


def rank_here() -> int:
    """Return the number that a launcher (`accelerate launch`, `torchrun`, or ours) gave this process; 0 without one."""
    return int(os.environ.get("RANK", "0")) if _launched() else 0


def own_device(device: torch.device) -> torch.device:
    """Return this process's own GPU, where several processes share the GPUs of a machine.

    Raises:
        UserError: There are more processes here than GPUs.
    """
    if device.type != "cuda" or not _launched():
        return device
    here = int(os.environ.get("LOCAL_RANK", "0"))
    if here >= torch.cuda.device_count():
        fault = f"process {here} of this machine has no GPU: torch sees {torch.cuda.device_count()}"
        raise UserError(fault, "Start fewer processes, or add --device cpu.")
    return torch.device("cuda", here)


@contextlib.contextmanager
def joined(device: torch.device) -> Iterator[Processes]:
    """Meet the other processes that a launcher started, if there are any; `device` is this one's own."""
    if not _launched():
        yield ALONE
        return
    from accelerate import PartialState

    threads = torch.get_num_threads()
    with warnings.catch_warnings(action="ignore"):  # it divides the cores among the processes, and says so
        state = PartialState(cpu=device.type == "cpu", timeout=PATIENCE)
    try:
        host = None if distributed.get_backend() == "gloo" else distributed.new_group(backend="gloo", timeout=PATIENCE)
        yield Processes(state.process_index, state.num_processes, host)
    finally:
        state.destroy_process_group()
        PartialState._reset_state()  # or a later run in this process would take itself for one of these
        torch.set_num_threads(threads)


def _launched() -> bool:
    return int(os.environ.get("WORLD_SIZE", "1")) > 1
