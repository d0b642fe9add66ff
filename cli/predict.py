"""`dgf predict`: relations out of one's own posts."""

from typing import Any

import click

from dgf.cli.options import echo_json, examples, options_of
from dgf.workflows.settings import PredictSettings


@click.command(
    epilog=examples(
        "dgf predict demo posts.jsonl",
        "dgf predict runs/paper posts.jsonl > answers.jsonl",
        "cat posts.jsonl | dgf predict runs/paper - > answers.jsonl",
        "dgf predict runs/paper posts.jsonl --out answers.jsonl --missing-images text-only --workers 2",
        "dgf predict runs/blip posts.jsonl --captions BLIP_posts.txt > answers.jsonl",
    )
)
@options_of(PredictSettings)
@click.pass_context
def predict_command(ctx: click.Context, /, **given: Any) -> None:
    """Relations of POSTS by a trained RUN, one JSON object a line.

    `demo` in place of RUN is the model that the last `dgf demo` left. Photos are extracted and captioned as the run's
    own were; relations in POSTS are ignored. A run on captions from files needs --captions of the posts' photos,
    unless POSTS is its own data or a file of it.
    """
    from dgf.workflows.predict import predict_posts

    summary = predict_posts(PredictSettings(**given))
    if given["out"] is None:
        for row in summary.rows:
            echo_json(row)
    for name in summary.skipped:
        click.echo(f"skipped  {name}", err=True)
    click.echo(f"{len(summary.rows)} posts, {summary.text_only} of them {summary.lacking}", err=True)
    ctx.exit(3 if summary.skipped else 0)
