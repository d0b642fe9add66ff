"""Checkpoints: written so that a kill at any moment leaves the last one whole, read so that a run goes on exactly.

A checkpoint is whole or not there, and holds nothing but tensors and plain values.
"""

import hashlib
import io
import time
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from dgf.model.checkpoint import Shapes, list_differences
from dgf.model.interface import RelationModel
from dgf.pipeline.errors import UserError
from dgf.pipeline.files import write_atomic
from dgf.workflows.training.run_folder import RunFolder
from dgf.workflows.training.state import Progress, Trainer

_SEAL = b"\ndgf-sha256-seal\n"
"""Ends a checkpoint, together with the SHA-256 of what stands before it: torch's own format notices no changed byte."""

_SEALED = len(_SEAL) + 32
_STATE = ("network", "optimizer", "schedule", "progress")


@dataclass(slots=True)
class CheckpointClock:
    """Says after which steps a checkpoint is due, inside an epoch.

    Args:
        every: `optim.checkpoint_every`: minutes such as `10m`, a number of steps, or None for never.
    """

    every: str | int | None
    _steps: int = 0
    _since: float = field(default_factory=time.monotonic)

    def tick(self) -> bool:
        """Count a step; say whether a checkpoint is due after it."""
        self._steps += 1
        if isinstance(self.every, str):
            return time.monotonic() - self._since >= 60 * float(self.every.removesuffix("m"))
        return self.every is not None and self._steps >= self.every

    def restart(self) -> None:
        """Count from now on: a checkpoint was written."""
        self._steps, self._since = 0, time.monotonic()


def save_last(trainer: Trainer, folder: RunFolder, progress: Progress) -> None:
    """Write `last.pt`, everything needed to go on from here; every process must call it, the first one writes.

    Inside an epoch it holds the states of the random numbers too; an epoch begins with a seed of its own.
    """
    generators = random_states(trainer) if progress.step else []
    if not trainer.processes.first:
        return
    state = {
        "network": trained_state(trainer.model),
        "optimizer": trainer.optimizer.state_dict(),
        "schedule": trainer.schedule.state_dict(),
        "progress": asdict(progress),
        "generators": generators,
    }
    save_training_state(folder.last, state)


def save_best(trainer: Trainer, folder: RunFolder, progress: Progress) -> None:
    """Write `best.pt`, the trained weights of the best epoch, which is this one."""
    if trainer.processes.first:
        best = {"epoch": progress.best_epoch, "f1": progress.best_f1, "network": trained_state(trainer.model)}
        save_training_state(folder.best, best)


def resume(trainer: Trainer, folder: RunFolder) -> Progress:
    """Put back what the last checkpoint holds.

    Raises:
        UserError: If it is damaged, or not of this run.
    """
    state = _load_with(folder.last, _STATE)
    try:
        progress = Progress(**state["progress"])
        progress.check()
        # A kill between the two files leaves the best of an epoch that is now ended again.
        if progress.best_epoch or folder.best.is_file():
            best = _load_with(folder.best, ("network", "epoch", "f1"))
            progress.best_epoch, progress.best_f1 = best["epoch"], best["f1"]
        restore_trained(trainer.model, state["network"], folder.last)
        trainer.optimizer.load_state_dict(state["optimizer"])
        trainer.schedule.load_state_dict(state["schedule"])
        generators = state.get("generators", [])
        seed_epoch(trainer, progress.epoch + 1)  # of processes that the run did not have before
        if progress.step and trainer.processes.rank < len(generators):
            restore_random(generators[trainer.processes.rank], trainer.device)
    except UserError:
        raise
    except Exception as error:  # what has no seal may hold anything
        fault = f"{folder.last}: does not fit this run ({type(error).__name__})"
        raise UserError(fault, start_again(folder.last)) from error
    return progress


def seed_epoch(trainer: Trainer, epoch: int) -> None:
    """Seed what an epoch draws, dropout above all, by the run's seed, the epoch and the process."""
    torch.manual_seed(trainer.config.seed * 10_007 + epoch + trainer.processes.rank * 1_000_003)


def random_states(trainer: Trainer) -> list[Tensor]:
    """Return the state of the random numbers of each process, the CPU's and its GPU's as one row of bytes."""
    states = [torch.get_rng_state()]
    if trainer.device.type == "cuda":
        states.append(torch.cuda.get_rng_state(trainer.device))
    return trainer.processes.collect(torch.cat(states))


def restore_random(state: Tensor, device: torch.device) -> None:
    """Put back what `random_states` found of a process; on another kind of device the CPU's part alone."""
    size = len(torch.get_rng_state())
    torch.set_rng_state(state[:size].clone())
    if device.type == "cuda" and len(state) > size:
        torch.cuda.set_rng_state(state[size:].clone(), device)


def _load_with(file: Path, keys: tuple[str, ...]) -> dict[str, Any]:
    state = load_training_state(file)
    if lacking := [key for key in keys if key not in state]:
        raise UserError(f"{file}: it lacks {', '.join(lacking)}", start_again(file))
    return state


def save_training_state(file: Path, state: Mapping[str, Any]) -> None:
    """Write tensors and plain values to one file, whole or not at all."""
    buffer = io.BytesIO()
    torch.save(dict(state), buffer)
    buffer.write(_SEAL + hashlib.sha256(buffer.getbuffer()).digest())
    file.parent.mkdir(exist_ok=True)  # whoever starts a run again has deleted it
    write_atomic(file, buffer.getvalue())


def load_training_state(file: Path) -> dict[str, Any]:
    """Read a checkpoint; nothing but tensors and plain values is accepted. Those of older versions have no seal.

    Raises:
        UserError: If it is missing, damaged or holds anything else.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise UserError(f"{file}: cannot be read: {error.strerror or error}", start_again(file)) from error
    if content[-_SEALED:].startswith(_SEAL):
        sealed, digest = content[:-_SEALED], content[-32:]
        if hashlib.sha256(sealed).digest() != digest:
            raise UserError(f"{file}: is damaged: its bytes are not those that dgf wrote", start_again(file))
        content = sealed
    try:
        with warnings.catch_warnings(action="ignore"):  # torch's advice on old pickles
            return dict(torch.load(io.BytesIO(content), map_location="cpu", weights_only=True))
    except Exception as error:  # torch raises many kinds for a damaged file
        raise UserError(f"{file}: not a readable checkpoint ({type(error).__name__})", start_again(file)) from error


def start_again(file: Path) -> str:
    """What helps where a checkpoint does not serve."""
    return (
        f"No other state to continue from is kept. Delete {file.parent}, and `dgf train --resume --out "
        f"{file.parent.parent}` trains again from the first epoch; a finished run's model is usable as it is."
    )


def trained_state(network: nn.Module | RelationModel) -> dict[str, Tensor]:
    """Return the weights that training changes; those of a frozen language model are left out."""
    return {name: p.detach().cpu() for name, p in network.named_parameters() if p.requires_grad}


def restore_trained(network: nn.Module | RelationModel, state: Mapping[str, Tensor], file: Path) -> None:
    """Put trained weights back.

    Raises:
        UserError: If names or shapes differ from the network's.
    """
    own = {name: p for name, p in network.named_parameters() if p.requires_grad}
    if differences := list_differences(_shapes(own), _shapes(state)):
        raise UserError("\n  ".join([f"{file}: does not fit the network:", *differences]), start_again(file))
    with torch.no_grad():
        for name, parameter in own.items():
            parameter.copy_(state[name])


def _shapes(tensors: Mapping[str, Tensor]) -> Shapes:
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}
