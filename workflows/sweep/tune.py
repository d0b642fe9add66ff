"""`dgf tune`: trials over a space of configurations, chosen by the validation split alone, and the best one's keys."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from dgf.pipeline.errors import UserError
from dgf.pipeline.files import exclusive, write_atomic
from dgf.pipeline.jobs.base import WorkerPool
from dgf.pipeline.yaml_values import dump_yaml
from dgf.workflows.sweep.runs import PlannedRun, RunsDone, check_runs, finish_runs, shared_protocol
from dgf.workflows.sweep.seeds import check_sweep_place
from dgf.workflows.sweep.space import read_space
from dgf.workflows.sweep.tables import over_runs, run_values, spread, trials_lines, write_table
from dgf.workflows.sweep.trials import Recipe, Trial, plan_trials, seedless

BEST = "best.yaml"
_HEAD = "# The best of"


@dataclass(frozen=True, slots=True)
class TuneSettings:
    """What `dgf tune` was asked.

    Args:
        space: The file of keys and their values.
        recipe: What the trials have in common.
        out: Folder of the trials, each with a run folder a seed.
        seeds: Different ones, at least one; each trial is run with all of them.
        workers: Where to run; its device is that of each run.
        trials: Most trials; None for every point of the space.
        search: All points of the space (`grid`), or some, drawn by the first seed (`random`).
        fetch: Whether the language model was named, so that it may be fetched from a hub.
    """

    space: Path
    recipe: Recipe
    out: Path
    seeds: tuple[int, ...]
    workers: WorkerPool
    trials: int | None = None
    search: Literal["grid", "random"] = "grid"
    fetch: bool = True


@dataclass(frozen=True, slots=True)
class TuneSummary:
    """The file with the best trial's configuration (None where every trial lacks a seed), and what `tune.json` says."""

    best: Path | None
    content: Mapping[str, Any]


def tune(settings: TuneSettings) -> TuneSummary:
    """Run every trial with every seed, and write `tune.json`, `tune.md` and `best.yaml`.

    The same call again continues: finished runs are not run again. Trials are compared by their mean validation micro
    F1; no row of another split is looked at.

    Raises:
        UserError: Space, configuration, data or folders do not serve, or not one run finished.
    """
    space, faults = read_space(settings.space)
    trials = plan_trials(
        settings.recipe,
        space,
        faults,
        settings.seeds,
        trials=settings.trials,
        search=settings.search,
        source=settings.space,
    )
    out = settings.out.absolute()  # workers may be at home elsewhere
    device, fetch = settings.workers.device, settings.fetch or "language_model" in space
    runs = {
        _name(trial, seed): PlannedRun(config, out / _name(trial, seed), device, fetch)
        for trial in trials
        for seed, config in trial.configs.items()
    }
    check_sweep_place(settings.out, "tune.json")
    _check_best_place(settings.out / BEST)
    check_runs(runs)
    settings.out.mkdir(parents=True, exist_ok=True)
    with exclusive(settings.out):
        done = finish_runs(runs, settings.workers)
        told = [_result(trial, done) for trial in trials]
        told.sort(key=lambda entry: -entry["figures"]["f1"]["mean"] if entry["figures"] else 1.0)
        content = {
            "split": "val",
            "protocol": shared_protocol(runs),
            "seeds": list(settings.seeds),
            "space": {key: list(values) for key, values in space.items()},
            "trials": told,
        }
        write_table(settings.out / "tune.json", content, trials_lines(content))
        best = _write_best(settings, trials, told)
    return TuneSummary(best, content)


def _check_best_place(file: Path) -> None:
    """Refuse to replace what `tune` did not write."""
    if file.exists() and not file.read_bytes().startswith(_HEAD.encode()):
        raise UserError(f"{file}: is there, and dgf did not write it: it is not overwritten", "Name another --out.")


def _name(trial: Trial, seed: int) -> str:
    """Name of a run, and its folder below that of all trials."""
    return f"{trial.folder}/seed-{seed}"


def _result(trial: Trial, done: RunsDone) -> dict[str, Any]:
    """A trial for `tune.json`; it has figures where every seed finished."""
    names = {seed: _name(trial, seed) for seed in trial.configs}
    finished = [done.finished[name] for name in names.values() if name in done.finished]
    return {
        "folder": trial.folder,
        "values": dict(trial.values),
        "figures": over_runs(finished) if len(finished) == len(names) else None,
        "runs": [run_values(run) for run in finished],
        "failed": {str(seed): done.failed[name] for seed, name in names.items() if name in done.failed},
    }


def _write_best(settings: TuneSettings, trials: list[Trial], told: list[dict[str, Any]]) -> Path | None:
    """Write the keys of the best trial, ready for `dgf train --config`."""
    best = told[0]
    if not best["figures"]:
        return None
    [trial] = [trial for trial in trials if trial.folder == best["folder"]]
    values = seedless(trial.configs[settings.seeds[0]])
    values["data"].pop("path")  # DATA names it
    seeds = ", ".join(map(str, settings.seeds))
    figure = spread(best["figures"]["f1"])
    head = f"{_HEAD} {len(trials)} trials by mean validation micro F1: {figure} (seeds: {seeds}).\n"
    file = settings.out / BEST
    write_atomic(file, (head + dump_yaml(values)).encode())
    return file
