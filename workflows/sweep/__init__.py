"""Many training runs as one job: seeds of one configuration, and trials over a space of configurations."""

from dgf.workflows.sweep.runs import PlannedRun, check_runs, finish_runs
from dgf.workflows.sweep.seeds import SeedsSettings, SeedsSummary, train_seeds
from dgf.workflows.sweep.space import parse_seeds
from dgf.workflows.sweep.tables import seeds_lines, trials_lines
from dgf.workflows.sweep.trials import Recipe
from dgf.workflows.sweep.tune import TuneSettings, TuneSummary, tune

__all__ = [
    "PlannedRun",
    "Recipe",
    "SeedsSettings",
    "SeedsSummary",
    "TuneSettings",
    "TuneSummary",
    "check_runs",
    "finish_runs",
    "parse_seeds",
    "seeds_lines",
    "train_seeds",
    "trials_lines",
    "tune",
]
