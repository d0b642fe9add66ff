"""`dgf demo`: the four commands on a small drawn world."""

from pathlib import Path

import click

from dgf.cli.options import examples, options_of
from dgf.workflows.settings import DemoSettings


@click.command(
    epilog=examples(
        "dgf demo",
        "dgf demo --out /tmp/demo optim.epochs=20",
    )
)
@options_of(DemoSettings)
def demo_command(out: Path, overrides: tuple[str, ...]) -> None:
    """Draw posts, extract features, caption, train and evaluate: the whole job in minutes.

    All weights are random, so the figures say nothing about the method. KEY=VALUE words change the training, as for
    `dgf train`.
    """
    from dgf.workflows.demo.run import demo

    summary = demo(DemoSettings(overrides, out), click.echo)
    click.echo(f"\nDone in {summary.seconds:.0f} s. Look at")
    click.echo(f"  {summary.picture}  test photos, each with its post and the predicted relation")
    click.echo(f"  {summary.report}/report.json, predictions.jsonl")
    click.echo(f"  {summary.run}/config.yaml, metrics.jsonl")
    click.echo(f"  {summary.posts}/  the data set in MNRE's layout")
