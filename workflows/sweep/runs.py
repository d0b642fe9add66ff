"""Training runs as tasks: each in a folder of its own, where a finished one is found and not run again."""

import contextlib
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from dgf.model.errors import ModelError
from dgf.pipeline.errors import UserError
from dgf.pipeline.jobs.base import WorkerPool
from dgf.pipeline.jobs.tasks import run_tasks
from dgf.workflows.config import DataConfig, TrainConfig
from dgf.workflows.data import inputs_of, read_configured
from dgf.workflows.located import bring_inputs
from dgf.workflows.train import TrainSettings, check_run_folder, train
from dgf.workflows.training.run_folder import RunFolder
from dgf.workflows.training.signals import TerminatedError, noting_sigterm

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """A run to be finished, begun or not.

    Args:
        config: Resolved, its seed included.
        out: The run folder.
        device: As for `dgf train`.
        fetch: Whether the language model was named, so that it may be fetched from a hub.
    """

    config: TrainConfig
    out: Path
    device: str = "auto"
    fetch: bool = True


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """A run that ended.

    Args:
        out: The run folder.
        seed: Of the run.
        best_epoch: The epoch whose model is kept.
        figures: Its figures on the validation split.
        skipped: Rows that were left out of training and validation.
    """

    out: Path
    seed: int
    best_epoch: int
    figures: Mapping[str, float]
    skipped: int


@dataclass(frozen=True, slots=True)
class RunsDone:
    """How runs ended, by name: those that finished, and why the others did not."""

    finished: Mapping[str, FinishedRun]
    failed: Mapping[str, str]


def finish_runs(runs: Mapping[str, PlannedRun], workers: WorkerPool) -> RunsDone:
    """Run what is not finished yet, wherever the workers are; one run that fails stops no other.

    Raises:
        UserError: The scheduler cannot be reached, or not one run finished; what was done is kept.
        TerminatedError: SIGTERM came where they run in this process; the run under way is saved, the rest not begun.
    """
    finished = {name: read_finished(run.out) for name, run in runs.items() if RunFolder(run.out).finished}
    todo = {name: run for name, run in runs.items() if name not in finished}
    if workers.count:  # each worker sees one GPU, whatever its number is outside
        todo = {name: replace(run, device=run.device.partition(":")[0]) for name, run in todo.items()}
    failed: dict[str, str] = {}
    errors = []
    here = workers.scheduler is None and not workers.count
    noted = noting_sigterm() if here else contextlib.nullcontext(lambda: False)  # one that waits for workers dies of it
    with noted as asked_to_end, contextlib.closing(run_tasks(finish_run, todo, workers)) as ended:
        for name, outcome in ended:
            if isinstance(outcome, TerminatedError):
                _log.warning("%s", outcome.message)
            elif isinstance(outcome, Exception):
                known = isinstance(outcome, UserError | ModelError)
                failed[name] = str(outcome) if known else f"{type(outcome).__name__}: {outcome}"
                errors.append(outcome)
                _log.warning("%s failed (%d of %d done): %s", name, len(finished), len(runs), failed[name])
            else:
                finished[name] = outcome
                f1 = 100 * outcome.figures["f1"]
                _log.info("%s: validation micro F1 %.2f (%d of %d done)", name, f1, len(finished), len(runs))
            if asked_to_end() and len(finished) + len(failed) < len(runs):
                raise TerminatedError(
                    f"asked to end (SIGTERM) with {len(finished)} of {len(runs)} runs finished, which are kept",
                    "The same command goes on (`dgf train`: with --resume).",
                )
    if errors and not finished:
        raise errors[0]
    return RunsDone({name: finished[name] for name in runs if name in finished}, failed)


def check_runs(runs: Mapping[str, PlannedRun], *, resume: bool = True) -> None:
    """See, before anything is run, that every run may begin or continue in its folder, or is finished and still true.

    Raises:
        UserError: One of the folders holds something else, or a finished run of other data than is there now.
    """
    inputs: dict[DataConfig, dict[str, str]] = {}  # runs share their data: each is read once
    for run in runs.values():
        folder, data = RunFolder(run.out), run.config.data
        check_run_folder(folder, run.config, resume=resume)
        if folder.finished:
            if data not in inputs:
                here = bring_inputs(data)
                inputs[data] = inputs_of(here, read_configured(here))
            folder.check_inputs(inputs[data])


def shared_protocol(runs: Mapping[str, PlannedRun]) -> str | None:
    """What must stand beside the figures of these runs; None where nothing need be said."""
    return "; ".join(sorted({run.config.protocol for run in runs.values() if run.config.protocol})) or None


def finish_run(run: PlannedRun) -> FinishedRun:
    """The task: train from the start or from the last checkpoint."""
    train(TrainSettings(run.config, run.out, run.device, resume=True, fetch=run.fetch))
    return read_finished(run.out)


def read_finished(out: Path) -> FinishedRun:
    """Read how a finished run ended; the validation split's figures alone.

    Raises:
        UserError: Its files are missing or damaged.
    """
    folder = RunFolder(out)
    config, file = folder.finished_config(), out / "metrics.jsonl"
    try:
        epochs = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        best = max(epochs, key=lambda epoch: float(epoch["val"]["f1"]))  # the first of equals, as training keeps it
        figures = {name: float(value) for name, value in best["val"].items()}
        number = int(best["epoch"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{file}: not the metrics of a finished run ({type(error).__name__})",
            f"Delete {out}, and the same command trains it again.",
        ) from error
    return FinishedRun(out, config.seed, number, figures, len(folder.read_data().get("skipped_rows") or ()))
