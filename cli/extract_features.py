"""`dgf extract-features`: photos to feature shards."""

from pathlib import Path
from typing import Any

import click

from dgf.cli import options

EPILOG = """\b
Examples:
  dgf extract-features MNRE --out features --weights default --vgg-weights default
  dgf extract-features posts.jsonl --out features --detector torchvision:fasterrcnn_resnet50_fpn --workers 2
  dgf extract-features MNRE --out features --scheduler tcp://10.0.0.1:8786 --device cuda
The same command again goes on where it was interrupted.
"""


@click.command(epilog=EPILOG)
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for the shards.")
@click.option(
    "--detector",
    default="detectron2:COCO-Detection/faster_rcnn_R_50_FPN_3x.yaml",
    show_default=True,
    help="detectron2:CONFIG (of its zoo, or a file), torchvision:NAME, or visual-genome.",
)
@click.option(
    "--weights", help="Of the detector: a file, `default` (the published ones, fetched once), or `random[:SEED]`."
)
@click.option("--vgg-weights", help="Of VGG16: a file, `default`, a name of torchvision's, or `random[:SEED]`.")
@click.option("--fc7", is_flag=True, help="Store VGG16's fc7 layer too.")
@click.option("--top-k", default=10, show_default=True, type=click.IntRange(1), help="Objects kept of a photo.")
@click.option("--regions", default=50, show_default=True, type=click.IntRange(1), help="Regions kept for captions.")
@click.option(
    "--min-size", type=click.IntRange(32), help="Shorter edge of the detector's input.  [default: the model's]"
)
@click.option("--max-size", type=click.IntRange(32), help="Limit of its longer edge.  [default: the model's]")
@options.workers
@options.scheduler
@options.device
@click.option("--shard-size", default=256, show_default=True, type=click.IntRange(1), help="Most photos in a shard.")
@click.option(
    "--batch-size", type=click.IntRange(1), help="Most photos in a batch.  [default: 16 on a GPU, 4 on a CPU]"
)
@options.threads
@options.on_error
@options.missing_images
@options.overwrite
@click.pass_context
def command(ctx: click.Context, /, **given: Any) -> None:
    """Objects, image blocks and regions of every photo of DATA, each distinct photo once."""
    from dgf.workflows.extract import ExtractSettings, extract

    options.check_workers(ctx, given["scheduler"], given["workers"])
    summary = extract(ExtractSettings(**given))
    times = summary.seconds
    for fault in summary.faults:
        click.echo(f"skipped row  {fault}")
    for image_id in summary.missing:
        click.echo(f"missing  {image_id}")
    for failure in summary.failures:
        click.echo(f"failed   {failure.image_id}: {failure.reason}")
    click.echo(
        f"{summary.out}: {summary.rows} of {summary.photos} distinct photos have features "
        f"({summary.computed} new; {summary.named} files, {summary.posts} posts), "
        f"{len(summary.failures)} failed, {len(summary.missing)} missing"
    )
    click.echo(
        f"{times['total']:.1f} s in all; in the workers: networks {times['compute']:.1f} s, waiting for photos "
        f"{times['wait']:.1f} s, reading {times['read']:.1f} s (in threads), writing {times['write']:.1f} s"
    )
    incomplete = summary.failures or summary.faults or (summary.missing and given["missing_images"] == "skip")
    ctx.exit(3 if incomplete else 0)
