"""`dgf predict`: relations out of one's own posts."""

import sys
from pathlib import Path
from typing import Any

import click

from dgf.cli.options import echo_utf8, examples, is_utf8, lasting_imports, options_of
from dgf.workflows.predict.settings import PredictSettings


@click.command(
    epilog=examples(
        "dgf predict demo posts.jsonl",
        "dgf predict runs/paper posts.jsonl > answers.jsonl",
        "cat posts.jsonl | dgf predict runs/paper - > answers.jsonl",
        "dgf predict runs/paper posts.jsonl --out answers.jsonl --missing-images text-only --workers 2",
        "dgf predict runs/paper posts.jsonl --pairs all --threshold 0.8 --format graphml > graph.graphml",
        "dgf predict runs/paper posts.jsonl --mentions rules --threshold 0.8 --format csv > relations.csv",
        "dgf predict runs/blip posts.jsonl --captions BLIP_posts.txt > answers.jsonl",
    )
)
@options_of(PredictSettings)
@click.pass_context
def predict_command(ctx: click.Context, /, **given: Any) -> None:
    """Relations of POSTS by a trained RUN, one JSON object a line.

    `demo` in place of RUN is the model that the last `dgf demo` left; hub:OWNER/NAME is a run of the Hugging Face hub.
    Photos are extracted and captioned as the run's own were; relations in POSTS are ignored. Posts of one JSONL file or
    of standard input are answered as they come, in their order, however many there are: some batches at a time, or each
    at once with --batch-size 1. A data set of several files is read whole first. A run on captions from files needs
    --captions of the posts' photos, unless POSTS is its own data or a file of it.

    With --pairs all, a post may give "mentions" in place of head and tail, and each ordered pair of them is answered:
    {"id": "a1", "text": "Ann met Bo in Rome", "mentions": [{"span": [0, 3]}, {"span": [8, 10]}, {"span": [14, 18]}]}

    With --mentions, a post may give none of the three. What is found stands in the answer; a post in which fewer than
    two are found has none.
    """
    from dgf.cli.main import INTERRUPTED

    with lasting_imports():
        from dgf.workflows.predict.command import predict_posts

    utf8 = given["format"] != "jsonl" or is_utf8(sys.stdout)
    try:
        summary = predict_posts(PredictSettings(**given), echo_utf8, escaped=not utf8)
    except KeyboardInterrupt:
        if given["work"] is not None:
            raise
        click.echo(f"\ninterrupted: {_left(given['out'])}; the same command begins from the first post", err=True)
        ctx.exit(INTERRUPTED)
    click.echo(f"{summary.answered} posts, {summary.text_only} of them {summary.lacking}", err=True)
    if summary.unpaired:
        click.echo(f"{summary.unpaired} more have fewer than two mentions, and no answer", err=True)
    if summary.unanswered:
        click.echo(f"{summary.unanswered} could not be answered", err=True)
    ctx.exit(3 if summary.unanswered else 0)


def _left(out: Path | None) -> str:
    """What an interrupted stream of answers leaves."""
    return "the answers end here" if out is None else f"{out} is as it was"
