"""`dgf eval`: a trained run over a split, to a report."""

from pathlib import Path
from typing import Any

import click

from dgf.cli.options import examples, given_data, options_of
from dgf.workflows.settings import EvalOptions


@click.command(
    epilog=examples(
        "dgf eval runs/paper",
        "dgf eval runs/paper --split val --out reports/val",
        "dgf eval runs/seed-*",
        "dgf eval runs/a0 runs/a1 runs/a2 --against runs/b0 --against runs/b1 --against runs/b2",
        "dgf eval runs/paper --image-share 0.5 --out reports/half-of-the-photos",
        "dgf eval runs/paper --data posts.jsonl --features features --captions captions --split posts",
    )
)
@options_of(EvalOptions)
@click.pass_context
def eval_command(
    ctx: click.Context, /, runs: tuple[Path, ...], against: tuple[Path, ...], out: Path | None, **given: Any
) -> None:
    """Score runs on a split; several runs (seeds) also give mean and deviation.

    Data and features are those the run was trained on unless told otherwise. The report folder holds report.json and
    predictions.jsonl; no relation of the evaluated rows reaches a prediction.
    """
    from dgf.workflows.evaluate import EvalSettings, compare_runs, evaluate
    from dgf.workflows.scoring import comparison_line, over_seeds, seeds_table, table

    if out is not None and len(runs) + len(against) > 1:
        raise click.UsageError("--out names one report: leave it out for several runs", ctx)
    if against and len(against) != len(runs):
        message = f"{len(runs)} runs cannot be compared with {len(against)}: give --against once for each, in order"
        raise click.UsageError(message, ctx)
    how = {name: given.pop(name) for name in ("split", "batch_size", "explain", "device")}
    data = given_data(given)
    if "path" in data:  # another data set has its own features or none
        data = {"features": None, "captions": None, "types": None, **data}
    ours, others = (
        [evaluate(EvalSettings(run, out=out, data=data, **how)) for run in side] for side in (runs, against)
    )
    for evaluation in (*ours, *others):
        click.echo(table(evaluation.report, evaluation.scores))
        click.echo(f"\nreport: {evaluation.out}\n")
    for side in (ours, others):
        scored = [(e.scores, str(e.report["protocol"])) for e in side if e.scores is not None]
        if len(scored) > 1:
            scores, protocols = zip(*scored, strict=True)
            click.echo(seeds_table(over_seeds(scores), protocols))
    if others:
        click.echo(comparison_line(compare_runs(ours, others)))
    ctx.exit(3 if any(e.report["skipped_rows"] for e in (*ours, *others)) else 0)
