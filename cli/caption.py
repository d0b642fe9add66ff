"""`dgf caption`: feature shards to caption shards."""

from typing import Any

import click

from dgf.cli.options import check_workers, examples, lasting_imports, options_of
from dgf.workflows.settings import CaptionSettings

SHOWN = 20


@click.command(
    epilog=examples(
        "dgf caption MNRE --features features --out captions --oscar checkpoints/coco_captioning_base",
        "dgf caption MNRE --features features --out captions --backend hf --model models/blip --workers 2",
        "dgf caption MNRE --features features --out captions --captions mine.jsonl",
        note="The same command again continues where it was interrupted.",
    )
)
@options_of(CaptionSettings)
@click.pass_context
def caption_command(ctx: click.Context, /, **given: Any) -> None:
    """A caption for every photo of DATA that has features."""
    with lasting_imports():
        from dgf.workflows.caption import caption_photos

    check_workers(ctx, given["scheduler"], given["workers"])
    summary = caption_photos(CaptionSettings(**given))
    for failure in summary.failures[:SHOWN]:
        click.echo(f"no caption  {failure.image_id}: {failure.reason}")
    if len(summary.failures) > SHOWN:
        click.echo(f"... and {len(summary.failures) - SHOWN} more: see {summary.out / 'manifest.json'}")
    click.echo(
        f"{summary.out}: {summary.captioned} of {summary.photos} photos have a caption ({summary.computed} rows new), "
        f"{len(summary.without_regions)} without regions, {len(summary.failures)} failed"
        + (f"; {summary.unused} captions in the file are of no photo here" if summary.unused else "")
    )
    click.echo(f"{given['data']}: names {summary.named} photos, {summary.found} of them are in {given['features']}")
    times = summary.seconds
    rate = f", {summary.computed / times['compute']:.2f} photos/s a worker" if times["compute"] else ""
    click.echo(
        f"{times['total']:.1f} s in all; in the workers: captioning {times['compute']:.1f} s{rate}, "
        f"reading {times['read']:.1f} s, writing {times['write']:.1f} s"
    )
    ctx.exit(3 if summary.failures else 0)
