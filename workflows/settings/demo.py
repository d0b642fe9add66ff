"""What `dgf demo` can be asked."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from annotated_types import Ge
from typing_extensions import Doc

from dgf.workflows.settings.options import Positional


@dataclass(frozen=True, slots=True)
class DemoSettings:
    """What `dgf demo` can be asked."""

    overrides: Annotated[tuple[str, ...], Positional("[KEY=VALUE]...", many=True)] = ()
    out: Annotated[Path, Doc("Folder for everything the demo makes; a second run continues from what is there.")] = (
        Path("demo-run")
    )
    seed: Annotated[int, Ge(0), Doc("Of the world, of weights and of the order of rows.")] = 0
