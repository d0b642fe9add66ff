"""What `dgf validate` can be asked; in this folder, since the options of all commands together fill a file."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from typing_extensions import Doc

from dgf.workflows.settings import Placeholder, Positional, PostLayout, SpansIn


@dataclass(frozen=True, slots=True)
class ValidateSettings:
    """What `dgf validate` can be asked."""

    data: Annotated[Path, Positional("DATA")]
    on_error: Annotated[
        Literal["stop", "skip"],
        Doc("Whether bad rows are an error (exit 1) or left out (exit 3); all of them are listed either way."),
    ] = "stop"
    relations: Annotated[Path | None, Doc("JSON of relation name to id, if not beside DATA.")] = None
    photos: Annotated[
        Literal["exist", "header", "pixels"],
        Doc("How far to look at photos: whether the file is there, its header, or every pixel."),
    ] = "header"
    span_unit: SpansIn = "characters"
    layout: PostLayout = None
    fix: Annotated[
        Path | None,
        Placeholder("OUT"),
        Doc("Write a repaired copy there: encodings, nulls, slashes, UTF-16 spans that the mention's text proves."),
    ] = None
