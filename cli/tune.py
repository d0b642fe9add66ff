"""`dgf tune`: trials over a space of configurations, chosen by the validation split."""

from pathlib import Path
from typing import Any

import click

from dgf.cli.options import check_workers, examples, exit_when_terminated, given_data, lasting_imports, options_of
from dgf.pipeline.storage.address import Location, whole_location
from dgf.workflows.settings import TuneOptions


@click.command(
    epilog=examples(
        "echo 'optim.learning_rate: {from: 1e-4, to: 5e-4, step: 1e-4}' > space.yaml",
        "dgf tune space.yaml MNRE --features features --captions captions --out tuned --trials 5 --workers 5",
        "dgf tune space.yaml MNRE --missing-images text-only --out tuned --search random --trials 8 --seeds 0,1,2",
        "dgf train MNRE --config tuned/best.yaml --features features --captions captions --out runs/best",
        note="The same command again continues where it was interrupted.",
    )
)
@options_of(TuneOptions)
@click.pass_context
def tune_command(
    ctx: click.Context,
    /,
    space: Path,
    data: Location,
    out: Path,
    words: tuple[str, ...],
    trials: int | None,
    search: Any,
    seeds: str,
    preset: str,
    config_file: Path | None,
    workers: int,
    scheduler: str | None,
    device: str,
    **given: Any,
) -> None:
    """Train on DATA with the keys of SPACE varied, and keep the best by mean validation micro F1.

    SPACE is YAML: keys, each with a list of values or {from, to, step}. The test split is not looked at.
    SIGTERM saves the run under way and ends with exit code 143; runs that --workers are at lose what they did since
    their last checkpoint (optim.checkpoint_every).
    """
    with lasting_imports():
        from dgf.workflows.config import names_language_model
        from dgf.workflows.devices import choose_pool
        from dgf.workflows.sweep import Recipe, TuneSettings, parse_seeds, trials_lines, tune

    check_workers(ctx, scheduler, workers)
    recipe = Recipe(preset, config_file, words, {"path": whole_location(data), **given_data(given)})
    pool, named = choose_pool(device, workers, scheduler), names_language_model(config_file, words)
    asked = TuneSettings(space, recipe, out, parse_seeds(seeds, words), pool, trials, search, fetch=named)
    with exit_when_terminated(ctx):
        summary = tune(asked)
    click.echo("\n".join(trials_lines(summary.content)))
    click.echo(f"\ntable: {out / 'tune.json'}")
    if summary.best is not None:
        click.echo(f"next: dgf train {data} --config {summary.best} --out RUN")
    ctx.exit(3 if any(trial["failed"] for trial in summary.content["trials"]) else 0)
