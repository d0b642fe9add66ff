"""`dgf predict`: relations out of one's own posts."""

from pathlib import Path
from typing import Any

import click

from dgf.cli import options

EPILOG = """\b
Examples:
  dgf predict runs/paper posts.jsonl > answers.jsonl
  dgf predict runs/paper posts.jsonl --out answers.jsonl --missing-images text-only --workers 2
"""


@click.command(epilog=EPILOG)
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("posts", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="JSONL to write.  [default: standard output]")
@click.option("--work", type=click.Path(path_type=Path), help="Folder to keep features and captions in.")
@click.option("--weights", help="Of the detector, where not as for the run's features.")
@click.option("--vgg-weights", help="Of VGG16, likewise.")
@click.option("--oscar", metavar="DIR", help="Oscar's or the other captioner's folder, likewise.")
@options.missing_images
@options.on_error
@options.workers
@options.rows_at_once
@options.device
@click.pass_context
def command(
    ctx: click.Context, /, weights: str | None, vgg_weights: str | None, oscar: str | None, **given: Any
) -> None:
    """Relations of POSTS by a trained RUN, one JSON object a line.

    Photos are extracted and captioned as the run's own were; relations in POSTS are ignored.
    """
    from dgf.workflows.predict import PredictSettings, predict_posts

    named = {"detector": weights, "vgg": vgg_weights, "oscar": oscar}
    summary = predict_posts(PredictSettings(**given, weights={k: v for k, v in named.items() if v is not None}))
    if given["out"] is None:
        for line in summary.lines:
            click.echo(line)
    for row in summary.skipped:
        click.echo(f"skipped  {row}", err=True)
    click.echo(f"{len(summary.lines)} posts, {summary.text_only} of them without a photo", err=True)
    ctx.exit(3 if summary.skipped else 0)
