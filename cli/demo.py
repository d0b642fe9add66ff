"""`dgf demo`: the four commands on a small drawn world."""

from pathlib import Path

import click

EPILOG = """\b
Examples:
  dgf demo
  dgf demo --out /tmp/demo optim.epochs=20
"""


@click.command(epilog=EPILOG)
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default="demo-run",
    show_default=True,
    help="Folder for everything the demo makes; a second run goes on from what is there.",
)
def command(out: Path, overrides: tuple[str, ...]) -> None:
    """Draw posts, extract features, caption, train and evaluate: the whole job in minutes.

    All weights are random, so the figures say nothing about the method. KEY=VALUE words change the training, as for
    `dgf train`.
    """
    from dgf.workflows.demo.run import ROWS, DemoSettings, demo

    summary = demo(DemoSettings(out, ROWS, overrides), click.echo)
    click.echo(f"\nDone in {summary.seconds:.0f} s. Look at")
    click.echo(f"  {summary.picture}  test photos, each with its post and the predicted relation")
    click.echo(f"  {summary.report}/report.json, predictions.jsonl")
    click.echo(f"  {summary.run}/config.yaml, metrics.jsonl")
    click.echo(f"  {summary.posts}/  the data set in MNRE's layout")
