"""`dgf demo`: the four commands on a small drawn world."""

from pathlib import Path

import click

from dgf.cli.options import examples, lasting_imports, options_of
from dgf.workflows.settings import DemoSettings


@click.command(
    epilog=examples(
        "dgf demo",
        "dgf demo --out /tmp/demo optim.epochs=20",
    )
)
@options_of(DemoSettings)
def demo_command(out: Path, seed: int, overrides: tuple[str, ...]) -> None:
    """Draw posts, extract features, caption, train and evaluate: the whole job in minutes.

    Photos matter in the drawn world, and the best possible F1 of it is known. Detector, VGG16, captioner and language
    model are small and trained for it; nothing is fetched. KEY=VALUE words change the training, as for `dgf train`.
    """
    with lasting_imports():
        from dgf.workflows.demo.run import demo

    summary = demo(DemoSettings(overrides, out, seed), click.echo)
    click.echo(f"\n{'test posts':<34}{'micro F1':>9}{'best possible':>15}")
    for reading in summary.readings:
        click.echo(f"{reading.name:<34}{reading.f1:9.1f}{reading.best:15.1f}")
    told_apart, found = summary.attributed.told_apart, summary.attributed.found
    if told_apart is not None:
        click.echo(f"\nphotos that help and photos that mean nothing, told apart by effect: AUC {told_apart:.2f}")
    if found is not None:
        click.echo(f"where the photo decides, the object with the largest effect matters: {found:.0%}")
    click.echo(f"\nDone in {summary.seconds:.0f} s. Look at")
    click.echo(f"  {summary.page}  posts, boxes, captions, predictions and what the photo did for them")
    run = summary.run if summary.kept is None else "demo"
    click.echo(f"  {summary.run}  the run that reads everything: dgf predict {run} POSTS ...")
    click.echo(f"  {summary.posts}/  the data set in MNRE's layout")
