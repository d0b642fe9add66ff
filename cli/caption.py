"""`dgf caption`: feature shards to caption shards."""

from pathlib import Path
from typing import Any

import click

from dgf.cli import options

EPILOG = """\b
Examples:
  dgf caption MNRE --features features --out captions --oscar checkpoints/coco_captioning_base
  dgf caption MNRE --features features --out captions --backend hf --model models/blip --workers 2
  dgf caption MNRE --features features --out captions --captions mine.jsonl
The same command again goes on where it was interrupted.
"""
SHOWN = 20


@click.command(epilog=EPILOG)
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--features", required=True, type=click.Path(path_type=Path), help="Feature shards.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for the shards.")
@click.option("--oscar", metavar="DIR", help="Folder of an Oscar captioning checkpoint, or random[:SEED].")
@click.option("--beams", default=5, show_default=True, type=click.IntRange(1), help="Beams; 1 is greedy.")
@click.option(
    "--captions",
    type=click.Path(path_type=Path),
    help='Your own captions instead: JSONL of {"image_id": ..., "caption": ...}.',
)
@click.option(
    "--backend",
    type=click.Choice(["oscar", "hf"]),
    default="oscar",
    show_default=True,
    help="oscar reads the regions in the shards; hf reads the photos with a model of transformers.",
)
@click.option("--model", type=click.Path(path_type=Path), help="Folder of the model for --backend hf.")
@click.option(
    "--length",
    default=20,
    show_default=True,
    type=click.IntRange(3),
    help="Longest caption in word pieces, with start and end.",
)
@click.option(
    "--precision",
    type=click.Choice(["float32", "bfloat16"]),
    default="float32",
    show_default=True,
    help="bfloat16 is faster on a GPU; `dgf bench caption` says what share of the words it changes.",
)
@options.workers
@options.scheduler
@options.device
@click.option(
    "--batch-size", type=click.IntRange(1), help="Photos captioned at once.  [default: 128 on a GPU, 16 on a CPU]"
)
@options.threads
@options.overwrite
@click.pass_context
def command(ctx: click.Context, /, **given: Any) -> None:
    """A caption for every photo of DATA that has features."""
    from dgf.workflows.caption import CaptionSettings, caption

    options.check_workers(ctx, given["scheduler"], given["workers"])
    summary = caption(CaptionSettings(**given))
    for failure in summary.failures[:SHOWN]:
        click.echo(f"no caption  {failure.image_id}: {failure.reason}")
    if len(summary.failures) > SHOWN:
        click.echo(f"... and {len(summary.failures) - SHOWN} more: see {summary.out / 'manifest.json'}")
    click.echo(
        f"{summary.out}: {summary.captioned} of {summary.photos} photos have a caption ({summary.computed} rows new), "
        f"{len(summary.without_regions)} without regions, {len(summary.failures)} failed"
        + (f"; {summary.unused} captions in the file are of no photo here" if summary.unused else "")
    )
    times = summary.seconds
    rate = f", {summary.computed / times['compute']:.2f} photos/s a worker" if times["compute"] else ""
    click.echo(
        f"{times['total']:.1f} s in all; in the workers: captioning {times['compute']:.1f} s{rate}, "
        f"reading {times['read']:.1f} s, writing {times['write']:.1f} s"
    )
    ctx.exit(3 if summary.failures else 0)
