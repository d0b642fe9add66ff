"""Click options made of a settings dataclass: name, type, default and help of each are declared there alone."""

import gc
import json
import math
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import MISSING, fields
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import click
from annotated_types import Ge, Interval
from typing_extensions import Doc

from dgf.pipeline.storage.address import Address, Location, is_address, parse_location, whole_location
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
    kind = _without_none(kind)
    required = default is MISSING
    if (position := note.get(Positional)) is not None:
        if position.many:
            return click.argument(name, metavar=position.metavar, nargs=-1, required=required, type=_many(kind))
        return click.argument(name, metavar=position.metavar, required=required, type=_click_type(kind, note))
    spelled = note[Spelled].option if Spelled in note else f"--{name.replace('_', '-')}"
    help_text = note[Doc].documentation if Doc in note else None
    if kind is bool:
        return click.option(spelled, name, is_flag=True, help=help_text)
    many = get_origin(kind) is tuple
    given = {"required": True} if required else {"default": default, "show_default": default not in (None, ())}
    return click.option(
        spelled,
        name,
        type=_many(kind) if many else _click_type(kind, note),
        multiple=many,
        metavar=note[Placeholder].metavar if Placeholder in note else None,
        help=help_text,
        **given,
    )


def _without_none(kind: Any) -> Any:
    """`T` of `T | None`, and `Location` of a path or an address."""
    if get_origin(kind) not in (Union, UnionType):
        return kind
    kinds = set(get_args(kind)) - {NoneType}
    return Location if kinds == set(get_args(Location)) else kinds.pop()


def _click_type(kind: Any, note: dict[type, Any]) -> click.ParamType[Any] | type:
    """What click checks a value with."""
    if get_origin(kind) is Literal:
        return click.Choice(get_args(kind))
    if kind is Path:
        return LocalPath(path_type=Path)
    if kind == Location:
        return LocationType()
    bounds = note.get(Interval) or note.get(Ge)
    in_range = FiniteRange if kind is float else click.IntRange
    return in_range(bounds.ge, getattr(bounds, "le", None)) if bounds else kind


class LocalPath(click.Path):
    """A path, where an address cannot be given."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Check a value."""
        if is_address(str(value)):
            self.fail(f"{value} is an address, and this takes a path of this machine alone.", param, ctx)
        return super().convert(value, param, ctx)


class LocationType(click.Path):
    """A path or an address."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read a value."""
        return value if isinstance(value, Path | Address) else parse_location(str(value))


class FiniteRange(click.FloatRange):
    """A range of numbers, which NaN is not in."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Check a value."""
        number = super().convert(value, param, ctx)
        return number if math.isfinite(number) else self.fail(f"{value} is not a number.", param, ctx)


def _many(kind: Any) -> click.ParamType[Any] | type:
    """The type of each value of `tuple[kind, ...]`."""
    return _click_type(_without_none(get_args(kind)[0]), {})


def examples(*lines: str, note: str = "") -> str:
    """Lay examples of a command out below its help, a line each, and a note under them."""
    return "\n".join(["\b", "Examples:", *(f"  {line}" for line in lines), *([note] if note else [])])


def given_data(options: Mapping[str, Any]) -> dict[str, Any]:
    """Values of the `data` section out of options, those left out aside; whole paths, so that they hold anywhere."""
    given = {name: value for name, value in options.items() if value is not None and value != ()}
    return {name: _whole(value) for name, value in given.items()}


def _whole(value: Any) -> Any:
    if isinstance(value, tuple):
        return _whole(value[0]) if len(value) == 1 else [_whole(path) for path in value]
    return whole_location(value) if isinstance(value, Path | Address) else value


def echo_json(value: Any, indent: int | None = None) -> None:
    """Print JSON to standard output: as it reads, or in escapes where the output's encoding cannot hold it."""
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        text = json.dumps(value, indent=indent)
    click.echo(text)


def is_utf8(stream: Any) -> bool:
    """Whether a stream of text is written as UTF-8."""
    return (getattr(stream, "encoding", None) or "utf-8").lower().replace("-", "") == "utf8"


def echo_utf8(text: str) -> None:
    """Print text that ends with its own line break to standard output, in UTF-8 whatever the terminal's encoding.

    Half a surrogate pair, which UTF-8 cannot hold, is written as its escape.
    """
    click.echo(text.encode(errors="backslashreplace"), nl=False)


def check_workers(ctx: click.Context, scheduler: str | None, workers: int) -> None:
    """Refuse local workers beside a scheduler, which has its own."""
    if scheduler and workers:
        raise click.UsageError("--scheduler has workers of its own: leave out --workers", ctx)


@contextmanager
def exit_when_terminated(ctx: click.Context) -> Iterator[None]:
    """End the command with exit code 143, and say how to go on, where SIGTERM ended what it ran."""
    from dgf.workflows.training.signals import TERMINATED, TerminatedError

    try:
        yield
    except TerminatedError as stopped:
        click.echo(str(stopped), err=True)
        ctx.exit(TERMINATED)


@contextmanager
def lasting_imports() -> Iterator[None]:
    """Import what a command works with inside this block, out of sight of Python's collector of cycles.

    Torch and transformers make a million objects that stay to the end. The collector would go through them again and
    again while they are made, and take them apart when the process ends: two fifths of what the imports cost.
    """
    before, enabled = len(sys.modules), gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if len(sys.modules) > before:  # what lies there beside imports should not be kept at every call
            gc.freeze()
        if enabled:
            gc.enable()
