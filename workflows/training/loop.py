"""The training loop: epoch after epoch, each ended by validation and a checkpoint, up to the best epoch's model."""

import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from itertools import islice
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from dgf.model.adversarial import moved_against
from dgf.model.checkpoint import save_model
from dgf.pipeline.errors import UserError
from dgf.workflows.data import epoch_batches, must_stream
from dgf.workflows.devices import autocast
from dgf.workflows.scoring import Scores, predict, score
from dgf.workflows.training.checkpoints import (
    CheckpointClock,
    load_training_state,
    restore_trained,
    resume,
    save_best,
    save_last,
    seed_epoch,
)
from dgf.workflows.training.curves import Curves, open_board
from dgf.workflows.training.run_folder import RunFolder
from dgf.workflows.training.signals import TerminatedError, noting_sigterm
from dgf.workflows.training.state import Progress, Trainer
from dgf.workflows.training.steps import MicroBatch, made_ahead, make_step

LOOK_EVERY = 20
"""Steps between two looks at the loss and the gradient: each look waits for the device."""


def run_epochs(trainer: Trainer, folder: RunFolder, *, tensorboard: bool = False) -> Progress:
    """Train from the start or the last checkpoint, and save the model of the best epoch.

    A model in which nothing learns takes no step: it is validated once and saved.

    Returns:
        Where the run ended.

    Raises:
        UserError: Training diverged, or what was saved does not fit.
        TerminatedError: SIGTERM came; where the run stands is saved.
    """
    model, optim, processes = trainer.model, trainer.config.optim, trainer.processes
    progress = resume(trainer, folder) if folder.last.is_file() else Progress()
    if progress.stream is None:
        progress.stream = bool(processes.from_first(must_stream(trainer.train)))
    processes.wait()  # all have read what the first may write from here on
    if processes.first and progress.metrics:
        folder.write_metrics(progress.metrics)  # a kill may have come between the checkpoint and its metrics
    curves = Curves(
        folder.path, open_board(folder.path, progress.epoch + 1) if tensorboard and processes.first else None
    )
    patience = optim.patience or trainer.epochs
    with noting_sigterm() as stop:
        while progress.epoch < trainer.epochs and progress.epoch - progress.best_epoch < patience:
            # all steps of an epoch; where SIGTERM ends them before, they are saved and the run ends here
            if trainer.learning:
                _train_epoch(trainer, folder, progress, stop)

            # how good the model is now, by the first process; SIGTERM ends this too
            scores = _validate(trainer, folder, progress, stop)
            f1 = processes.from_first(scores.f1 if scores else 0.0)

            # keep the weights of the best epoch
            epoch = progress.epoch + 1
            if f1 > progress.best_f1:
                progress.best_epoch, progress.best_f1 = epoch, f1
                save_best(trainer, folder, progress)

            # the epoch is done once its checkpoint is written
            if scores:
                progress.metrics.append(_record(trainer, progress, scores))
            progress.epoch, progress.step, progress.sums = epoch, 0, {}
            progress.seconds = progress.waited = 0.0
            save_last(trainer, folder, progress)
            if processes.first:
                folder.write_metrics(progress.metrics)
                curves.update(progress.metrics)
            if processes.any(stop())[0] and progress.epoch < trainer.epochs:
                raise _stopped(folder, f"after epoch {progress.epoch}")

    # the run is done once the best epoch's model is written
    restore_trained(model, load_training_state(folder.best)["network"], folder.best)
    if processes.first:
        curves.finish(progress.metrics)
        save_model(model, folder.path)
    return progress


def _train_epoch(trainer: Trainer, folder: RunFolder, progress: Progress, stop: Callable[[], bool]) -> None:
    """Go on with the epoch after those that are done, from the step where `progress` stands, to its end.

    Its losses, summed over rows, and the time it took are left in `progress`.
    """
    model, optim, processes = trainer.model, trainer.config.optim, trainer.processes
    epoch = progress.epoch + 1
    if not progress.step:
        seed_epoch(trainer, epoch)
    model.train()
    parameters = [p for group in trainer.optimizer.param_groups for p in group["params"]]
    clock = CheckpointClock(optim.checkpoint_every)

    # what would make the host wait for the device, were it read at every step, is added up there
    sums: dict[str, float | Tensor] = defaultdict(float, progress.sums)
    norms: float | Tensor = 0.0
    rows = len(trainer.train.examples)
    shown: dict[str, Any] = {} if processes.first else {"disable": True}  # False would overrule TQDM_DISABLE
    bar = tqdm(
        total=rows,
        initial=min(rows, progress.step * optim.batch_size),
        desc=f"epoch {epoch}/{optim.epochs}",
        unit="row",
        leave=False,
        dynamic_ncols=True,
        **shown,
    )
    with bar, made_ahead(_steps(trainer, progress)) as steps:
        started = time.perf_counter()
        while (micro_batches := next(steps, None)) is not None:
            progress.waited += time.perf_counter() - started

            # the step's gradient, half of it where the word embeddings are moved against the network if it is asked for
            trainer.optimizer.zero_grad(set_to_none=True)
            losses = _add_gradients(trainer, micro_batches)
            for name, value in losses.items():
                sums[name] += value
            if optim.adversarial:
                with _moved_embeddings(trainer):
                    _add_gradients(trainer, micro_batches)

            # the gradient of all processes, cut to its largest norm
            processes.sum_gradients(parameters)
            norms = norms + torch.nn.utils.clip_grad_norm_(parameters, optim.clip_norm or math.inf)

            # step, and the rate of the next one
            trainer.optimizer.step()
            trainer.schedule.step()
            progress.step += 1
            bar.update(size := sum(map(len, micro_batches)))

            # look at the loss now and then, and before anything is saved
            ended, due = processes.any(stop(), clock.tick())
            if ended or due or progress.step % LOOK_EVERY == 0:
                _check_finite(norms, epoch)
                bar.set_postfix(loss=f"{float(losses['total']) / size:.3f}", refresh=False)
            now = time.perf_counter()
            progress.seconds, started = progress.seconds + now - started, now

            # a checkpoint inside the epoch
            if ended or due:
                progress.sums = {name: float(value) for name, value in sums.items()}
                save_last(trainer, folder, progress)
                clock.restart()
            if ended:
                raise _stopped(folder, f"in epoch {epoch} after step {progress.step}")
        _check_finite(norms, epoch)  # which waits for the device's last step
        progress.seconds += time.perf_counter() - started
    progress.sums = {name: float(value) for name, value in sums.items()}


def _add_gradients(trainer: Trainer, micro_batches: Sequence[MicroBatch]) -> dict[str, Tensor]:
    """Add the gradient of a step's rows, one part of them after the other, to what the parameters have.

    Returns:
        The losses, summed over rows.
    """
    passes = 2 if trainer.config.optim.adversarial else 1
    sums: dict[str, Tensor] = {}
    for made in micro_batches:
        part = made.to(trainer.device)
        with autocast(trainer.device, trainer.config.precision):
            output = trainer.processes.gather(trainer.model(part.batch), part.counts)
            losses = trainer.model.loss(output, part.whole)
        (losses["total"] * (part.weight / passes)).backward()
        for name, value in losses.items():
            summed = value.detach().double() * len(part)
            sums[name] = sums[name] + summed if name in sums else summed
    return sums


def _moved_embeddings(trainer: Trainer) -> AbstractContextManager[None]:
    """Move the word embeddings, while it lasts, along the gradient that all processes found."""
    embeddings = trainer.model.language_model.embeddings
    gradient = trainer.processes.summed(embeddings.grad)
    return moved_against(embeddings, gradient, trainer.config.optim.adversarial)


def _steps(trainer: Trainer, progress: Progress) -> Iterator[list[MicroBatch]]:
    """Make the batches of the steps that are left of an epoch."""
    optim, stream = trainer.config.optim, bool(progress.stream)
    order = epoch_batches(trainer.train, optim.batch_size, trainer.config.seed, progress.epoch + 1, stream=stream)
    for rows in islice(order, progress.step, None):
        yield make_step(trainer.train, rows, optim.accumulate, trainer.processes, trainer.device)


def _check_finite(norms: float | Tensor, epoch: int) -> None:
    """Stop where the sum of the gradients' norms is no number: what it made of the weights is never saved."""
    if not math.isfinite(total := float(norms)):
        raise UserError(
            f"training diverged in epoch {epoch}: the gradient is {total}",
            "Lower optim.learning_rate (and optim.lm_learning_rate), or use precision=float32.",
        )


def _stopped(folder: RunFolder, where: str) -> TerminatedError:
    return TerminatedError(
        f"{folder.path}: asked to end (SIGTERM), saved {where}", f"`dgf train --resume --out {folder.path}` goes on."
    )


def _validate(trainer: Trainer, folder: RunFolder, progress: Progress, stop: Callable[[], bool]) -> Scores | None:
    """Score the validation split in the first process; the others wait, and have no scores.

    All look after each of its batches whether one of them was asked to end.

    Raises:
        TerminatedError: One was; what was trained is saved, and a run that goes on scores the split from its beginning.
    """
    processes = trainer.processes
    scores: Scores | None = None

    def look(*, done: bool = False) -> bool:
        ended, done = processes.any(stop(), done)
        if ended and not done:
            raise _stopped(folder, f"before the validation of epoch {progress.epoch + 1}")
        return done

    try:
        if processes.first:
            scores = validation_scores(trainer, look)
        while not look(done=processes.first):
            pass
    except TerminatedError:
        save_last(trainer, folder, progress)
        raise
    return scores


def validation_scores(trainer: Trainer, after_batch: Callable[[], object]) -> Scores:
    """Score the validation split as the model is now; see `predict`."""
    examples, labels = trainer.val.examples, trainer.model.labels
    predictions = predict(
        trainer.model,
        trainer.val,
        batch_size=trainer.config.optim.batch_size,
        device=trainer.device,
        precision=trainer.config.precision,
        title="validation",
        after_batch=after_batch,
    )
    known = examples.relations >= 0
    return score(examples.relations[known], predictions.relations[known], labels.relations, labels.none)


def _record(trainer: Trainer, progress: Progress, scores: Scores) -> dict[str, Any]:
    """Make the epoch's line of `metrics.jsonl`."""
    figures = {name: getattr(scores, name) for name in ("accuracy", "precision", "recall", "f1", "macro_f1")}
    protocol = trainer.config.protocol
    count = len(trainer.train.examples)
    return {
        "epoch": progress.epoch + 1,
        "loss": {name: value / count for name, value in progress.sums.items()},
        "val": figures,
        "learning_rates": trainer.schedule.get_last_lr(),
        "rows_per_second": round(count / progress.seconds, 1) if progress.seconds else 0.0,
        "seconds": round(progress.seconds, 3),
        "seconds_waited": round(progress.waited, 3),
    } | ({"protocol": protocol} if protocol else {})
