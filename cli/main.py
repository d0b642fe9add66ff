"""`dgf`: the list of commands, and what a user sees when one of them fails."""

import errno
import importlib
import io
import logging
import os
import sys
import traceback
from typing import Any

import click

COMMANDS = {
    "extract-features": "dgf.cli.extract_features",
    "caption": "dgf.cli.caption",
    "train": "dgf.cli.train",
    "tune": "dgf.cli.tune",
    "eval": "dgf.cli.eval",
    "predict": "dgf.cli.predict",
    "serve": "dgf.cli.serve",
    "validate": "dgf.cli.validate",
    "inspect": "dgf.cli.inspect",
    "export": "dgf.cli.export",
    "audit": "dgf.cli.audit",
    "reproduce": "dgf.cli.reproduce",
    "push": "dgf.cli.push",
    "bench": "dgf.cli.bench",
    "demo": "dgf.cli.demo",
    "env": "dgf.cli.env",
}
"""Every command and its module, which calls it NAME_command, in the order in which a newcomer meets them."""

FAILED = 1
INTERRUPTED = 130


class Commands(click.Group):
    """A group that imports a command's module when it is asked for, and reports its failures in words."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all commands, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, None where there is none (click then says so)."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(COMMANDS[cmd_name])
        command: click.Command = getattr(module, f"{cmd_name.replace('-', '_')}_command")
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a failure ends in one message on stderr and an exit code, not in a traceback."""
        try:
            return super().invoke(ctx)
        except (click.exceptions.Exit, click.ClickException, click.Abort):
            raise
        except KeyboardInterrupt:
            say("\ninterrupted: finished work is kept; the same command continues from it (train: add --resume)")
            ctx.exit(INTERRUPTED)
        except Exception as error:
            if isinstance(error, OSError) and error.errno == errno.EPIPE:
                raise  # `dgf ... | head`: click ends quietly
            if os.environ.get("DGF_DEBUG"):
                traceback.print_exc()
            say(explain(error))
            ctx.exit(FAILED)


class Messages(logging.Handler):
    """Prints what dgf logs as plain lines on stderr."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one."""
        say(_as_named(record.getMessage()))


def explain(error: Exception) -> str:
    """What to print for an exception that ended a command."""
    from dgf.model.errors import ModelError
    from dgf.pipeline.errors import UserError

    if isinstance(error, UserError | ModelError):
        return _as_named(f"error: {error}")
    if isinstance(error, OSError) and error.strerror:
        return f"error: {error.strerror}" + (f": {error.filename}" if error.filename else "")
    return (
        f"internal error: {type(error).__name__}: {error}{_place(error)}\n"
        "  this is a fault of dgf, not yours: please report it with the output of `dgf env`; "
        "DGF_DEBUG=1 shows the traceback"
    )


def say(message: str) -> None:
    """Print to stderr, which stays apart from the results on stdout."""
    click.echo(message, file=sys.stderr)


def _as_named(message: str) -> str:
    """The message with addresses in place of where their copies lie."""
    from dgf.pipeline.storage.mirror import name_addresses

    return name_addresses(message)


def _place(error: Exception) -> str:
    """The innermost line of dgf's own code that the exception passed through."""
    place = ""
    for frame, line in traceback.walk_tb(error.__traceback__):
        module = str(frame.f_globals.get("__name__"))
        if module.startswith("dgf."):
            place = f" (at {'/'.join(module.split('.')[1:])}.py:{line}, in {frame.f_code.co_name})"
    return place


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Every command has its own --help with an example. Exit codes: 0 done, 1 failed, 2 wrong usage, "
    "3 finished with failures that the summary lists.",
)
@click.version_option(package_name="dgf", message="dgf %(version)s")
def cli() -> None:
    """Relations between two entities from a post and its photo (DGF-PT).

    The main job, in order: extract-features, caption, train, eval.
    `dgf demo` shows all four on a small drawn world.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # what its encoding cannot hold is escaped rather than an error
            stream.reconfigure(errors="backslashreplace")
    logger = logging.getLogger("dgf")
    if not logger.handlers:
        logger.addHandler(Messages())
        logger.setLevel(logging.INFO)


def main() -> None:
    """Entry point of the `dgf` script."""
    cli(prog_name="dgf")
