"""`dgf predict`: relations out of one's own posts."""

from pathlib import Path
from typing import Any

import click

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
@click.option(
    "--missing-images",
    type=click.Choice(["error", "skip", "text-only"]),
    default="error",
    show_default=True,
    help="Posts whose photo is not there or broken: stop, leave them out, or run them on text.",
)
@click.option(
    "--on-error",
    type=click.Choice(["stop", "skip"]),
    default="stop",
    show_default=True,
    help="Bad rows: stop, or leave them out and list them.",
)
@click.option("--workers", default=0, show_default=True, type=click.IntRange(0), help="Processes that read photos.")
@click.option("--batch-size", default=64, show_default=True, type=click.IntRange(1), help="Rows at once.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@click.pass_context
def command(
    ctx: click.Context, /, weights: str | None, vgg_weights: str | None, oscar: str | None, **options: Any
) -> None:
    """Relations of POSTS by a trained RUN, one JSON object a line.

    Photos are extracted and captioned as the run's own were; relations in POSTS are ignored.
    """
    from dgf.workflows.predict import PredictSettings, predict_posts

    given = {"detector": weights, "vgg": vgg_weights, "oscar": oscar}
    summary = predict_posts(PredictSettings(**options, weights={k: v for k, v in given.items() if v is not None}))
    if options["out"] is None:
        for line in summary.lines:
            click.echo(line)
    for row in summary.skipped:
        click.echo(f"skipped  {row}", err=True)
    click.echo(f"{len(summary.lines)} posts, {summary.text_only} of them without a photo", err=True)
    ctx.exit(3 if summary.skipped else 0)
