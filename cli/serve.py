"""`dgf serve`: a run behind a port, for programs that are not written in Python, and for a browser."""

from typing import Any

import click

from dgf.cli.options import examples, lasting_imports, options_of
from dgf.workflows.serve.settings import ServeSettings


@click.command(
    epilog=examples(
        "dgf serve demo",
        "dgf serve runs/paper --port 8080 --photos photos",
        "dgf serve runs/paper --text-only --device cuda --batch-size 128",
    )
)
@options_of(ServeSettings)
def serve_command(**given: Any) -> None:
    """Answer posts by a trained RUN over HTTP: POST /predict, GET /health, and a page at / to try a post by hand.

    `demo` in place of RUN is the model that the last `dgf demo` left, `hub:OWNER/NAME` a run of the Hugging Face hub.
    Requests that come at once are answered in batches. SIGTERM or Ctrl-C ends it: requests under way are answered
    first. docs/serve.md shows requests, and what to heed before others can reach it. Needs `pip install 'dgf[serve]'`.
    """
    with lasting_imports():
        from dgf.workflows.serve.command import serve_run

    serve_run(ServeSettings(**given))
