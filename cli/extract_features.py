"""`dgf extract-features`: photos to feature shards."""

from typing import Any

import click

from dgf.cli.options import check_workers, examples, lasting_imports, options_of
from dgf.workflows.settings import ExtractSettings


@click.command(
    epilog=examples(
        "dgf extract-features MNRE --out features --weights default --vgg-weights default",
        "dgf extract-features posts.jsonl --out features --detector torchvision:fasterrcnn_resnet50_fpn --workers 2",
        "dgf extract-features MNRE --out features --weights default --encoder dinov2",
        "dgf extract-features MNRE --out features --weights default --vgg-weights default --boxes boxes.jsonl",
        "dgf extract-features MNRE --out features --weights default --vgg-weights default --retry-failed",
        "dgf extract-features MNRE --out features --scheduler tcp://10.0.0.1:8786 --device cuda",
        "dgf extract-features s3://bucket/mnre --out s3://bucket/features --weights default --vgg-weights default",
        note="The same command again continues where it was interrupted.",
    )
)
@options_of(ExtractSettings)
@click.pass_context
def extract_features_command(ctx: click.Context, /, **given: Any) -> None:
    """Objects, image blocks and regions of every photo of DATA, each distinct photo once."""
    from dgf.pipeline.storage.mirror import name_addresses

    with lasting_imports():
        from dgf.workflows.extract import extract_photos

    check_workers(ctx, given["scheduler"], given["workers"])
    summary = extract_photos(ExtractSettings(**given))
    times = summary.seconds
    for fault in summary.faults:
        click.echo(f"skipped row  {name_addresses(str(fault))}")
    for image_id in summary.missing:
        click.echo(f"missing  {image_id}")
    for failure in summary.failures:
        click.echo(f"failed   {failure.image_id}: {failure.reason}")
    click.echo(
        f"{summary.out}: {summary.rows} of {summary.photos} distinct photos have features "
        f"({summary.computed} new; {summary.named} files, {summary.posts} posts), "
        f"{len(summary.failures)} failed, {len(summary.missing)} missing"
    )
    if given["part"] is not None:
        left = f"{summary.unfinished} shards of other parts are" if summary.unfinished else "nothing of other parts is"
        click.echo(f"part {given['part']} is done, {left} still to be made")
    if summary.tried is not None:
        click.echo(
            f"tried {summary.tried} files again: {summary.recovered} have features now, "
            f"{summary.tried - summary.recovered} still have none"
        )
    click.echo(
        f"{times['total']:.1f} s in all; in the workers: networks {times['compute']:.1f} s, waiting for photos "
        f"{times['wait']:.1f} s, reading {times['read']:.1f} s (in threads), writing {times['write']:.1f} s"
    )
    incomplete = summary.failures or summary.faults or (summary.missing and given["missing_images"] == "skip")
    ctx.exit(3 if incomplete else 0)
