"""`dgf reproduce`: the paper's tables and figures, and the benchmark, one command each."""

from pathlib import Path
from typing import Any

import click

from dgf.cli.options import check_workers, examples, exit_when_terminated, given_data, lasting_imports, options_of
from dgf.workflows.reproduce.settings import ReproduceOptions

_INCOMPLETE = 3


@click.command(
    epilog=examples(
        "dgf reproduce list",
        "dgf reproduce show table-1",
        "dgf reproduce validate",
        "dgf reproduce table-1 --data MNRE --features features --captions captions --out reproduced --dry-run",
        "dgf reproduce table-1 --data MNRE --features features --captions captions --out reproduced",
        "dgf reproduce benchmark --data MNRE --missing-images text-only --rows mtb,dgf-pt --out reproduced \\",
        "    mtb:language_model=path/to/bert dgf-pt:language_model=path/to/gpt2 optim.epochs=5",
        "dgf reproduce table-1 --out reproduced --tables",
        note="The same command again continues where it was interrupted.",
    )
)
@options_of(ReproduceOptions)
@click.pass_context
def reproduce_command(
    ctx: click.Context,
    /,
    what: str,
    words: tuple[str, ...],
    data: Path | None,
    seeds: str,
    rows: str | None,
    preset: str,
    out: Path | None,
    dry_run: bool,
    tables: bool,
    workers: int,
    scheduler: str | None,
    device: str,
    **given: Any,
) -> None:
    """Run the rows of EXPERIMENT that are not done, and make its table and plots beside the paper's figures.

    list names the experiments, show NAME tells the rows of one, validate builds and trains every row at a tiny size.
    EXPERIMENT may be a YAML file of your own. KEY=VALUE words are for every row, MODEL:KEY=VALUE for those of a model;
    a row's own keys override both, and ROW:KEY=VALUE overrides these.
    """
    from dgf.workflows.reproduce.experiments import read_experiments

    if what in ("list", "validate", "show"):
        if what == "show" and len(words) != 1:
            raise click.UsageError("show takes the name of one experiment", ctx)
        if what == "list" and words:
            raise click.UsageError("list takes no name", ctx)
        experiments = read_experiments(words)
        if what == "validate":
            _validate(ctx, experiments)
            return
        from dgf.workflows.reproduce.listing import list_lines, show_lines

        click.echo("\n".join(list_lines(experiments) if what == "list" else show_lines(experiments[0])))
        return
    [experiment] = read_experiments([what])
    if out is None:
        raise click.UsageError("name a folder as --out", ctx)
    if tables:
        from dgf.workflows.reproduce.outcome import make_tables

        click.echo("\n".join(map(str, make_tables(out / experiment.name, experiment))))
        return
    if data is None:
        raise click.UsageError("name the data set as --data", ctx)
    if wrong := next((word for word in words if "=" not in word), None):
        raise click.UsageError(f"{wrong}: not of the form [ROW:]KEY=VALUE", ctx)
    check_workers(ctx, scheduler, workers)

    with lasting_imports():
        from dgf.workflows.devices import choose_pool
        from dgf.workflows.reproduce.plan import Wanted, parse_row_names
        from dgf.workflows.reproduce.run import ReproduceSettings, plan_lines, reproduce
        from dgf.workflows.sweep import parse_seeds

    wanted = Wanted(
        seeds=tuple(sorted(parse_seeds(seeds, words))),
        preset=preset,
        words=words,
        data={"path": str(data.absolute()), **given_data(given)},
        rows=parse_row_names(rows),
    )
    settings = ReproduceSettings(experiment, wanted, out, choose_pool(device, workers, scheduler))
    if dry_run:
        click.echo("\n".join(plan_lines(settings)))
        return
    with exit_when_terminated(ctx):
        done = reproduce(settings)
    for line in done.missing:
        click.echo(f"missing  {' '.join(filter(None, (line.row, line.varied)))} seed {line.seed}: {line.reason}")
    click.echo("\n".join(map(str, done.files)))
    ctx.exit(_INCOMPLETE if done.missing else 0)


def _validate(ctx: click.Context, experiments: Any) -> None:
    """Print a line a row as it is tried; exit code 1 where one does not run."""
    with lasting_imports():
        from dgf.workflows.reproduce.validate import validate_rows

    faults = []
    for tried in validate_rows(experiments):
        click.echo(f"{'ok' if tried.fault is None else 'FAILS'}  {tried.row}")
        faults += [tried] if tried.fault is not None else []
    for tried in faults:
        click.echo(f"{tried.row}: {tried.fault}", err=True)
    ctx.exit(1 if faults else 0)
