"""`dgf predict`: relations out of one's own posts."""

import sys
from typing import Any

import click

from dgf.cli.options import echo_utf8, examples, is_utf8, options_of
from dgf.workflows.predict.settings import PredictSettings


@click.command(
    epilog=examples(
        "dgf predict demo posts.jsonl",
        "dgf predict runs/paper posts.jsonl > answers.jsonl",
        "cat posts.jsonl | dgf predict runs/paper - > answers.jsonl",
        "dgf predict runs/paper posts.jsonl --out answers.jsonl --missing-images text-only --workers 2",
        "dgf predict runs/paper posts.jsonl --pairs all --threshold 0.8 --format graphml > graph.graphml",
        "dgf predict runs/blip posts.jsonl --captions BLIP_posts.txt > answers.jsonl",
    )
)
@options_of(PredictSettings)
@click.pass_context
def predict_command(ctx: click.Context, /, **given: Any) -> None:
    """Relations of POSTS by a trained RUN, one JSON object a line.

    `demo` in place of RUN is the model that the last `dgf demo` left; RUN may also be one of the Hugging Face hub.
    Photos are extracted and captioned as the run's own were; relations in POSTS are ignored. Posts of one JSONL file or
    of standard input are answered as they come, in their order, however many there are; a data set of several files is
    read whole first. A run on captions from files needs --captions of the posts' photos, unless POSTS is its own data
    or a file of it.

    With --pairs all, a post may give "mentions" in place of head and tail, and each ordered pair of them is answered:
    {"id": "a1", "text": "Ann met Bo in Rome", "mentions": [{"span": [0, 3]}, {"span": [8, 10]}, {"span": [14, 18]}]}
    """
    from dgf.workflows.predict.command import predict_posts

    utf8 = given["format"] != "jsonl" or is_utf8(sys.stdout)
    summary = predict_posts(PredictSettings(**given), echo_utf8, escaped=not utf8)
    click.echo(f"{summary.answered} posts, {summary.text_only} of them {summary.lacking}", err=True)
    if summary.unanswered:
        click.echo(f"{summary.unanswered} could not be answered", err=True)
    ctx.exit(3 if summary.unanswered else 0)
