"""`dgf reproduce EXPERIMENT`: what is not done is run and evaluated, then tables and plots are made of what is there.

Runs lie in `OUT/runs/DIGEST`, where every experiment with the same OUT finds them; what comes out, in `OUT/EXPERIMENT`.
"""

import logging
import re
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from dgf.model.errors import ModelError
from dgf.pipeline.errors import UserError
from dgf.pipeline.files import exclusive
from dgf.pipeline.jobs.base import WorkerPool
from dgf.pipeline.jobs.tasks import run_tasks
from dgf.workflows.config import DataConfig
from dgf.workflows.data import read_configured
from dgf.workflows.reproduce.evaluated import PlannedEvaluation, evaluate_run, given_to_evaluation, is_evaluated
from dgf.workflows.reproduce.experiments import Experiment
from dgf.workflows.reproduce.outcome import (
    AnsweredLine,
    CaseLine,
    MissingLine,
    TestLine,
    TimeLine,
    UnseenLine,
    case_lines,
    choose_case,
    compare_with_best,
    line_of_rule,
    line_of_run,
    make_tables,
    read_answers,
    read_runs,
    time_of_run,
    unseen_by_run,
    write_flat_lines,
    write_runs,
)
from dgf.workflows.reproduce.plan import RowRun, Wanted, plan_runs
from dgf.workflows.reproduce.rules import answer_by_rule
from dgf.workflows.sweep import PlannedRun, check_runs, finish_runs
from dgf.workflows.training.run_folder import RunFolder

_log = logging.getLogger(__name__)

_UNDONE = {
    "to be run": "not run",
    "to be continued": "training was interrupted",
    "to be evaluated": "trained, and not evaluated on what is there now",
}
"""Why a run in this state has no figures, where nothing was done about it."""


@dataclass(frozen=True, slots=True)
class ReproduceSettings:
    """What is to be run, where the runs and tables go, and where the work is done."""

    experiment: Experiment
    wanted: Wanted
    out: Path
    workers: WorkerPool

    @property
    def folder(self) -> Path:
        """Where what comes out of the experiment lies."""
        return self.out / self.experiment.name

    def folder_of(self, run: RowRun) -> Path:
        """Where a run lies."""
        return self.out.absolute() / "runs" / run.digest  # workers may be at home elsewhere


@dataclass(frozen=True, slots=True)
class Reproduced:
    """The files that were made, and the runs without figures among those that were asked for."""

    files: tuple[Path, ...]
    missing: tuple[MissingLine, ...]


def plan_lines(settings: ReproduceSettings) -> list[str]:
    """Say of every run that was asked for what is done of it, as `--dry-run` shows it."""
    runs = [run for run in plan_runs(settings.experiment, settings.wanted) if run.chosen]
    known: dict[DataConfig, dict[str, str]] = {}
    states = {run.digest: _state(run, settings.folder_of(run), known) for run in runs}
    width = max((len(run.name) for run in runs), default=0)
    lines = [f"{run.name:<{width}}  {run.digest}  {states[run.digest]}" for run in runs]
    todo = sum(state != "done" for state in states.values())
    return [*lines, "", f"{len(states)} runs, {todo} of them to be run or evaluated"]


def reproduce(settings: ReproduceSettings) -> Reproduced:
    """Run and evaluate what is not done, and make the tables and plots.

    Raises:
        UserError: Configuration, data or folders do not serve, or not one run finished.
        TerminatedError: SIGTERM came; the run under way is saved.
    """
    planned = plan_runs(settings.experiment, settings.wanted)
    if (settings.folder / "runs.csv").exists():
        read_runs(settings.folder / "runs.csv")  # refuses to replace what is no such file
    chosen = {run.digest: run for run in planned if run.chosen}
    device = settings.workers.device
    runs = {run.name: PlannedRun(run.config, settings.folder_of(run), device, run.named) for run in chosen.values()}
    check_runs(runs)
    settings.out.mkdir(parents=True, exist_ok=True)
    with exclusive(settings.out):
        failed = dict(finish_runs(runs, settings.workers).failed) if runs else {}
        failed |= _evaluate(
            settings, [run for name, run in zip(runs, chosen.values(), strict=True) if name not in failed]
        )
        reasons = {chosen[digest].digest: failed[run.name] for digest, run in chosen.items() if run.name in failed}
        missing = _collect(settings, planned, reasons)
        files = make_tables(settings.folder, settings.experiment)
    asked = {(run.row, run.varied, str(run.seed)) for run in planned if run.chosen}
    return Reproduced(files, tuple(line for line in missing if (line.row, line.varied, line.seed) in asked))


def _state(run: RowRun, folder: Path, known: dict[DataConfig, dict[str, str]]) -> str:
    if is_evaluated(folder, given_to_evaluation(run.config.data, known)):
        return "done"
    if RunFolder(folder).finished:
        return "to be evaluated"
    return "to be continued" if RunFolder(folder).begun else "to be run"


def _evaluate(settings: ReproduceSettings, runs: Sequence[RowRun]) -> dict[str, str]:
    """Evaluate what is not evaluated yet, wherever the workers are; say why the others could not be."""
    known: dict[DataConfig, dict[str, str]] = {}
    device = settings.workers.device
    device = device.partition(":")[0] if settings.workers.count else device  # each worker sees one GPU
    todo = {
        run.name: PlannedEvaluation(folder, run.config.data.image_share, given, device)
        for run in runs
        for folder in [settings.folder_of(run)]
        for given in [given_to_evaluation(run.config.data, known)]
        if not is_evaluated(folder, given)
    }
    failed = {}
    with closing(run_tasks(evaluate_run, todo, settings.workers)) as ended:
        for name, outcome in ended:
            if isinstance(outcome, Exception):
                told = isinstance(outcome, UserError | ModelError)
                failed[name] = str(outcome) if told else f"{type(outcome).__name__}: {outcome}"
                _log.warning("%s: could not be evaluated: %s", name, failed[name])
    return failed


def _on_one_line(reason: str) -> str:
    """A fault and the hint below it as sentences of one line."""
    return " ".join(re.sub(r"(?<![.:])\n", ". ", reason.strip()).split())


def _collect(settings: ReproduceSettings, planned: Sequence[RowRun], reasons: Mapping[str, str]) -> list[MissingLine]:
    """Write what lies in the run folders as `runs.csv` and the files beside it; return the runs without figures."""
    experiment, folder = settings.experiment, settings.folder
    known: dict[DataConfig, dict[str, str]] = {}
    found: list[AnsweredLine] = []
    unseen: list[UnseenLine] = []
    times, missing = [], []
    dataset = read_configured(planned[0].config.data)
    for run in planned:
        place = settings.folder_of(run)
        state = _state(run, place, known)
        line = line_of_run(run, place) if state == "done" else None
        if line is None:
            reason = reasons.get(run.digest) or _UNDONE.get(state, "no test row has a relation")
            missing.append(MissingLine(run.row, run.varied, str(run.seed), _on_one_line(reason)))
            continue
        found.append(AnsweredLine(line, read_answers(place)))
        times.append(time_of_run(run, place))
        unseen += unseen_by_run(run, place, dataset)

    # rules, and whatever is said of answers to the same posts
    for row in experiment.rows:
        if row.rule is not None:
            ruled = answer_by_rule(row.rule, dataset)
            found += [AnsweredLine(line_of_rule(row.name, point, ruled), ruled.answers) for point in experiment.points]
    order = [row.name for row in experiment.rows]
    found.sort(key=lambda entry: order.index(entry.line.row))
    folder.mkdir(parents=True, exist_ok=True)
    write_runs(folder / "runs.csv", [entry.line for entry in found])
    write_flat_lines(folder / "times.csv", TimeLine, times)
    write_flat_lines(folder / "missing.csv", MissingLine, missing)
    write_flat_lines(folder / "unseen.csv", UnseenLine, unseen)
    write_flat_lines(folder / "tests.csv", TestLine, compare_with_best(found, dataset))
    if experiment.look == "cases":
        write_flat_lines(folder / "cases.csv", CaseLine, case_lines(choose_case(dataset), found))
    return missing
