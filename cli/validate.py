"""`dgf validate`: what a data set holds, and every fault in it."""

import json
import sys
from pathlib import Path
from typing import Any

import click

EPILOG = """\b
Examples:
  dgf validate data/mnre
  dgf validate posts.jsonl --photos pixels
  dgf validate data/mnre --json > facts.json
"""


@click.command(epilog=EPILOG)
@click.argument("data", type=click.Path(path_type=Path))
@click.option(
    "--on-error",
    type=click.Choice(["stop", "skip"]),
    default="stop",
    show_default=True,
    help="Whether bad rows are an error (exit 1) or left out (exit 3); all of them are listed either way.",
)
@click.option("--relations", type=click.Path(path_type=Path), help="JSON of relation name to id, if not beside DATA.")
@click.option(
    "--photos",
    type=click.Choice(["exist", "header", "pixels"]),
    default="header",
    show_default=True,
    help="How far to look at photos: whether the file is there, its header, or every pixel.",
)
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@click.pass_context
def command(ctx: click.Context, /, data: Path, as_json: bool, **options: Any) -> None:
    """Show what is in DATA: rows, photos, relations, quirks, and every fault with its file and line.

    Exit code 0: nothing to mend. 1: rows at fault. 3: rows left out (--on-error skip), or photos missing or broken.
    """
    from tqdm import tqdm

    from dgf.workflows.validate import validate

    with tqdm(desc="photos", unit=" photos", file=sys.stderr, mininterval=0.5, leave=False) as bar:
        found = validate(data, on_photo=lambda: bar.update(1), **options)
    click.echo(json.dumps(found.to_json(), indent=1, ensure_ascii=False) if as_json else found.table())
    ctx.exit(found.exit_code)
