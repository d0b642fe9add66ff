"""What `dgf push` can be asked."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from typing_extensions import Doc

from dgf.workflows.settings import Positional


@dataclass(frozen=True, slots=True)
class PushSettings:
    """What `dgf push` can be asked."""

    run: Annotated[Path, Positional("RUN")]
    repository: Annotated[str, Positional("REPO")]
    private: Annotated[bool, Doc("Let nobody else see it; one that everybody sees is not pushed to then.")] = False
    dry_run: Annotated[bool, Doc("Check and list what would be pushed; needs no network.")] = False
