"""Click options made of a settings dataclass: name, type, default and help of each are declared there alone."""

from collections.abc import Callable
from dataclasses import MISSING, fields
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import click
from annotated_types import Ge, Interval
from typing_extensions import Doc

from dgf.workflows.settings import Placeholder, Positional, Spelled

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


def options_of(settings: type) -> Callable[[Decorated], Decorated]:
    """Decorate a command with a click parameter for each field of a dataclass.

    Args:
        settings: Its fields are annotated as `dgf.workflows.settings` shows. The command is called with their values
            by name, ready to be given back: `settings(**given)`.
    """
    hints = get_type_hints(settings, include_extras=True)

    def decorate(command: Decorated) -> Decorated:
        for field in reversed(fields(settings)):
            command = _parameter(field.name, hints[field.name], field.default)(command)
        return command

    return decorate


def _parameter(name: str, hint: Any, default: Any) -> Callable[[Decorated], Decorated]:
    """The decorator of one option or argument."""
    kind, *notes = get_args(hint) if get_origin(hint) is Annotated else (hint,)
    note = {type(entry): entry for entry in notes}
    if get_origin(kind) in (Union, UnionType):  # T | None
        [kind] = set(get_args(kind)) - {NoneType}
    required = default is MISSING
    if (position := note.get(Positional)) is not None:
        if position.many:
            return click.argument(name, metavar=position.metavar, nargs=-1, required=required, type=_many(kind))
        return click.argument(name, metavar=position.metavar, required=required, type=_click_type(kind, note))
    spelled = note[Spelled].option if Spelled in note else f"--{name.replace('_', '-')}"
    help_text = note[Doc].documentation if Doc in note else None
    if kind is bool:
        return click.option(spelled, name, is_flag=True, help=help_text)
    given = {"required": True} if required else {"default": default, "show_default": default is not None}
    return click.option(
        spelled,
        name,
        type=_click_type(kind, note),
        metavar=note[Placeholder].metavar if Placeholder in note else None,
        help=help_text,
        **given,
    )


def _click_type(kind: Any, note: dict[type, Any]) -> click.ParamType[Any] | type:
    """What click checks a value with."""
    if get_origin(kind) is Literal:
        return click.Choice(get_args(kind))
    if kind is Path:
        return click.Path(path_type=Path)
    bounds = note.get(Interval) or note.get(Ge)
    return click.IntRange(bounds.ge, getattr(bounds, "le", None)) if bounds else kind


def _many(kind: Any) -> click.ParamType[Any] | type:
    """The type of each value of `tuple[kind, ...]`."""
    return _click_type(get_args(kind)[0], {})


device = click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")

on_error = click.option(
    "--on-error",
    type=click.Choice(["stop", "skip"]),
    default="stop",
    show_default=True,
    help="Bad rows: stop, or leave them out and list them.",
)

missing_images = click.option(
    "--missing-images",
    type=click.Choice(["error", "skip", "text-only"]),
    default="error",
    show_default=True,
    help="Posts whose photo is not there: stop, leave them out, or run them on text. None gets another picture.",
)

workers = click.option(
    "--workers",
    default=0,
    show_default=True,
    type=click.IntRange(0),
    help="Local worker processes, one a GPU where there are GPUs; 0 works in this process.",
)

scheduler = click.option(
    "--scheduler", metavar="ADDR", help="Dask scheduler to use instead, such as tcp://10.0.0.1:8786."
)

threads = click.option(
    "--threads",
    type=click.IntRange(1),
    help="CPU threads of the networks in each worker; part of the settings, since it changes the last bits. "
    "Fastest on a CPU: --threads 1 and as many workers as cores.  [default: as the folder was begun, or up to 4]",
)

overwrite = click.option(
    "--overwrite", is_flag=True, help="Make the folder anew: delete what an earlier run left there."
)

rows_at_once = click.option("--batch-size", default=64, show_default=True, type=click.IntRange(1), help="Rows at once.")


def check_workers(ctx: click.Context, scheduler: str | None, workers: int) -> None:
    """Refuses local workers beside a scheduler, which has its own."""
    if scheduler and workers:
        raise click.UsageError("--scheduler has workers of its own: leave out --workers", ctx)
