"""`dgf train --seeds`: one configuration trained with several seeds, a run folder each, and one table."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dgf.pipeline.errors import UserError
from dgf.pipeline.files import exclusive
from dgf.pipeline.jobs.base import WorkerPool
from dgf.workflows.sweep.runs import PlannedRun, check_runs, finish_runs, shared_protocol
from dgf.workflows.sweep.tables import check_table_place, over_runs, run_values, seeds_lines, write_table
from dgf.workflows.sweep.trials import Recipe
from dgf.workflows.training.run_folder import RunFolder


@dataclass(frozen=True, slots=True)
class SeedsSettings:
    """What `dgf train --seeds` was asked.

    Args:
        recipe: The configuration, apart from the seed.
        seeds: Different ones, at least one.
        out: Folder of the run folders, `seed-0` and so on.
        workers: Where to run; its device is that of each run.
        resume: Continue what is there.
        fetch: Whether the language model was named, so that it may be fetched from a hub.
    """

    recipe: Recipe
    seeds: tuple[int, ...]
    out: Path
    workers: WorkerPool
    resume: bool = False
    fetch: bool = True


@dataclass(frozen=True, slots=True)
class SeedsSummary:
    """The folders of the finished runs, their skipped rows, and what `seeds.json` says."""

    runs: tuple[Path, ...]
    skipped: int
    content: Mapping[str, Any]


def train_seeds(settings: SeedsSettings) -> SeedsSummary:
    """Train a run for every seed, and write `seeds.json` and `seeds.md` of their validation figures.

    Raises:
        UserError: The configuration, the data or the folders do not serve, or not one run finished.
    """
    configs = {seed: settings.recipe.resolve(f"seed={seed}") for seed in settings.seeds}
    out = settings.out.absolute()  # workers may be at home elsewhere
    runs = {
        f"seed-{seed}": PlannedRun(config, out / f"seed-{seed}", settings.workers.device, settings.fetch)
        for seed, config in configs.items()
    }
    check_sweep_place(settings.out, "seeds.json")
    check_runs(runs, resume=settings.resume)
    settings.out.mkdir(parents=True, exist_ok=True)
    with exclusive(settings.out):
        done = finish_runs(runs, settings.workers)
        finished = tuple(done.finished.values())
        content = {
            "split": "val",
            "protocol": shared_protocol(runs),
            "runs": [run_values(run) for run in finished],
            "figures": over_runs(finished),
            "failed": {name.removeprefix("seed-"): reason for name, reason in done.failed.items()},
        }
        write_table(settings.out / "seeds.json", content, seeds_lines(content))
    return SeedsSummary(tuple(run.out for run in finished), sum(run.skipped for run in finished), content)


def check_sweep_place(out: Path, table: str) -> None:
    """See that a folder may hold several runs and their table.

    Raises:
        UserError: It is a file or a run itself, or holds a table that dgf did not write.
    """
    if out.exists() and not out.is_dir():
        raise UserError(f"{out}: is a file", "Name a folder as --out.")
    if RunFolder(out).begun:
        raise UserError(f"{out}: is the folder of one run", "Name another --out: each of several runs gets its own.")
    check_table_place(out / table)
