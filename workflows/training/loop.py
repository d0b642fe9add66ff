"""The training loop: epoch after epoch, each ended by validation and a checkpoint, up to the best epoch's model.

A checkpoint is whole or not there, and holds nothing but tensors and plain values.
"""

import hashlib
import io
import math
import time
import warnings
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR
from tqdm import tqdm

from dgf.model.checkpoint import Shapes, list_differences, save_model
from dgf.model.interface import RelationModel
from dgf.pipeline.errors import UserError
from dgf.pipeline.files import write_atomic
from dgf.workflows.config import TrainConfig
from dgf.workflows.data import BatchMaker, epoch_batches
from dgf.workflows.devices import autocast
from dgf.workflows.scoring import Scores, predict, score
from dgf.workflows.training.run_folder import RunFolder

_SEAL = b"\ndgf-sha256-seal\n"
"""Ends a checkpoint, together with the SHA-256 of what stands before it: torch's own format notices no changed byte."""

_SEALED = len(_SEAL) + 32
_STATE = ("network", "optimizer", "schedule", "progress")


@dataclass(frozen=True, slots=True)
class Trainer:
    """Everything the loop needs."""

    model: RelationModel
    optimizer: AdamW
    schedule: LambdaLR
    config: TrainConfig
    device: torch.device
    train: BatchMaker
    val: BatchMaker


@dataclass(slots=True)
class Progress:
    """Where a run stands; part of every checkpoint."""

    epoch: int = 0
    best_epoch: int = 0
    best_f1: float = -1.0
    metrics: list[dict[str, Any]] = field(default_factory=list)


def run_epochs(trainer: Trainer, folder: RunFolder) -> tuple[Progress, list[float]]:
    """Train from the start or the last checkpoint, and save the model of the best epoch.

    Returns:
        Where the run ended, and the rows per second of each epoch that was run now.
    """
    model, optim = trainer.model, trainer.config.optim
    progress = _resume(trainer, folder) if folder.last.is_file() else Progress()
    rates = []
    patience = optim.patience or optim.epochs
    while progress.epoch < optim.epochs and progress.epoch - progress.best_epoch < patience:
        progress.epoch += 1
        losses, rate = _train_epoch(trainer, progress.epoch)
        scores = validation_scores(trainer)
        rates.append(rate)

        # keep the weights of the best epoch
        if scores.f1 > progress.best_f1:
            progress.best_epoch, progress.best_f1 = progress.epoch, scores.f1
            best = {"epoch": progress.best_epoch, "f1": progress.best_f1, "network": trained_state(model)}
            save_training_state(folder.best, best)

        # the epoch is done once its checkpoint is written
        progress.metrics.append(_record(trainer, progress.epoch, losses, scores, rate))
        state = {
            "network": trained_state(model),
            "optimizer": trainer.optimizer.state_dict(),
            "schedule": trainer.schedule.state_dict(),
            "progress": asdict(progress),
        }
        save_training_state(folder.last, state)
        folder.write_metrics(progress.metrics)

    # the run is done once the best epoch's model is written
    restore_trained(model, load_training_state(folder.best)["network"], folder.best)
    save_model(model, folder.path)
    return progress, rates


def _train_epoch(trainer: Trainer, epoch: int) -> tuple[dict[str, float], float]:
    """Pass once over the training rows; return mean losses and rows per second."""
    model, config, device = trainer.model, trainer.config, trainer.device
    torch.manual_seed(config.seed * 10_007 + epoch)  # a resumed run drops out what an undisturbed one does
    model.train()
    parameters = [p for group in trainer.optimizer.param_groups for p in group["params"]]
    sums: dict[str, float | Tensor] = defaultdict(float)  # on the device: reading each at every step would wait for it
    count = len(trainer.train.examples)
    started = time.perf_counter()
    title = f"epoch {epoch}/{config.optim.epochs}"
    with tqdm(total=count, desc=title, unit="row", leave=False, dynamic_ncols=True) as bar:
        for rows in epoch_batches(trainer.train, config.optim.batch_size, config.seed, epoch):
            # forward, in the precision asked for
            batch = trainer.train(rows).to(device, non_blocking=True)
            with autocast(device, config.precision):
                losses = model.loss(model(batch), batch)

            # backward, and the gradient cut to its largest norm
            trainer.optimizer.zero_grad(set_to_none=True)
            losses["total"].backward()
            norm = float(torch.nn.utils.clip_grad_norm_(parameters, config.optim.clip_norm))
            loss = float(losses["total"].detach())
            if not math.isfinite(norm):
                raise UserError(
                    f"training diverged in epoch {epoch}: the gradient is {norm}",
                    "Lower optim.learning_rate (and optim.lm_learning_rate), or use precision=float32.",
                )

            # step, and the rate of the next one
            trainer.optimizer.step()
            trainer.schedule.step()

            for name, value in losses.items():
                sums[name] += value.detach().double() * len(rows)
            bar.update(len(rows))
            bar.set_postfix(loss=f"{loss:.3f}", refresh=False)
    return {name: float(value) / count for name, value in sums.items()}, count / (time.perf_counter() - started)


def validation_scores(trainer: Trainer) -> Scores:
    """Score the validation split as the model is now."""
    examples, labels = trainer.val.examples, trainer.model.labels
    predictions = predict(
        trainer.model,
        trainer.val,
        batch_size=trainer.config.optim.batch_size,
        device=trainer.device,
        precision=trainer.config.precision,
        title="validation",
    )
    known = examples.relations >= 0
    return score(examples.relations[known], predictions.relations[known], labels.relations, labels.none)


def _record(trainer: Trainer, epoch: int, losses: Mapping[str, float], scores: Scores, rate: float) -> dict[str, Any]:
    """Make the epoch's line of `metrics.jsonl`."""
    figures = {name: getattr(scores, name) for name in ("accuracy", "precision", "recall", "f1", "macro_f1")}
    protocol = trainer.config.model.protocol
    return {
        "epoch": epoch,
        "loss": dict(losses),
        "val": figures,
        "learning_rates": trainer.schedule.get_last_lr(),
        "rows_per_second": round(rate, 1),
    } | ({"protocol": protocol} if protocol else {})


def _resume(trainer: Trainer, folder: RunFolder) -> Progress:
    """Put back what the last checkpoint holds."""
    state = load_training_state(folder.last)
    best = load_training_state(folder.best)
    for file, content, keys in ((folder.last, state, _STATE), (folder.best, best, ("network", "epoch", "f1"))):
        if lacking := [key for key in keys if key not in content]:
            raise UserError(f"{file}: it lacks {', '.join(lacking)}", start_again(file))
    try:
        restore_trained(trainer.model, state["network"], folder.last)
        progress = Progress(**state["progress"])
        # A kill between the two files leaves the best of an epoch that is now run again.
        progress.best_epoch, progress.best_f1 = best["epoch"], best["f1"]
        trainer.optimizer.load_state_dict(state["optimizer"])
        trainer.schedule.load_state_dict(state["schedule"])
    except UserError:
        raise
    except Exception as error:  # what has no seal may hold anything
        fault = f"{folder.last}: does not fit this run ({type(error).__name__})"
        raise UserError(fault, start_again(folder.last)) from error
    return progress


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
