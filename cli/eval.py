"""`dgf eval`: a trained run over a split, to a report."""

from pathlib import Path
from typing import Any

import click

from dgf.cli.options import examples, given_data, lasting_imports, options_of
from dgf.workflows.settings import EvalOptions


@click.command(
    epilog=examples(
        "dgf eval runs/paper",
        "dgf eval runs/paper --split val --out reports/val",
        "dgf eval runs/seed-*",
        "dgf eval runs/a0 runs/a1 runs/a2 --against runs/b0 --against runs/b1 --against runs/b2",
        "dgf eval runs/seed-* --out reports/seeds",
        "dgf eval runs/paper --image-share 0.5 --out reports/half-of-the-photos",
        "dgf eval runs/paper --photo-shares 0,0.2,0.4,0.6,0.8,1",
        "dgf eval runs/paper --data posts.jsonl --features features --captions captions --split posts",
    )
)
@options_of(EvalOptions)
@click.pass_context
def eval_command(
    ctx: click.Context,
    /,
    runs: tuple[Path, ...],
    against: tuple[Path, ...],
    out: Path | None,
    photo_shares: str | None,
    **given: Any,
) -> None:
    """Score runs on a split, with 95% intervals; several runs (seeds) also give mean and deviation.

    Data and features are those the run was trained on unless told otherwise. The report folder holds report.json (its
    keys are in report.schema.json of dgf.workflows.scoring) and predictions.jsonl; no relation of the evaluated rows
    reaches a prediction, unless the protocol beside the figures says so.
    """
    from dgf.workflows.training.run_folder import RunFolder

    if against and len(against) != len(runs):
        message = f"{len(runs)} runs cannot be compared with {len(against)}: give --against once for each, in order"
        raise click.UsageError(message, ctx)
    everyone = (*runs, *against)
    for run in everyone:  # told before torch is imported, and before the first of many is evaluated
        RunFolder(run).check_finished()
    with lasting_imports():
        from dgf.workflows.compare import compare_runs, record_comparison, report_places, side_of
        from dgf.workflows.evaluate import EvalSettings, evaluate, parse_shares
        from dgf.workflows.scoring import comparison_line, seeds_table, table

    how = {name: given.pop(name) for name in ("split", "batch_size", "explain", "device")}
    how["photo_shares"] = parse_shares(photo_shares) if photo_shares else ()
    data = given_data(given)
    if "path" in data:  # another data set has its own features or none
        data = {"features": None, "captions": None, "types": None, "graphs": None, "layout": None, **data}
    places = report_places(out, everyone)
    done = [
        evaluate(EvalSettings(run, out=place, data=data, **how)) for run, place in zip(everyone, places, strict=True)
    ]
    for evaluation in done:
        click.echo(table(evaluation.report))
        click.echo(f"\nreport: {evaluation.out}\n")
    if len(done) > 1:
        sides = [side_of(part) for part in (done[: len(runs)], done[len(runs) :]) if part]
        for side in sides:
            if side.figures and len(side.runs) > 1:
                click.echo(seeds_table(side.figures, [run.report for run in side.runs], side.interval))
        test = compare_runs(sides[0].runs, sides[1].runs) if against else None
        if test:
            click.echo(comparison_line(test))
        if out is not None:
            record_comparison(out, sides[0], sides[1] if against else None, test)
            click.echo(f"\ncomparison: {out / 'comparison.json'}")
    ctx.exit(3 if any(evaluation.report["skipped_rows"] for evaluation in done) else 0)
