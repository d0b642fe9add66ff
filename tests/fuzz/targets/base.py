"""What a target is, and what it is run on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from .. import Files

LIMIT_S = 10.0


@dataclass(frozen=True)
class Case:
    """One mutated case on the disk.

    Args:
        folder: Holds the files.
        out: An empty folder beside it for what a command writes.
        number: Of the case; lets options take turns.
    """

    folder: Path
    out: Path
    number: int

    def turn(self, *options: str) -> str:
        return options[self.number % len(options)]

    @property
    def data(self) -> Path:
        """The folder `data`, or the only file."""
        inner = self.folder / "data"
        others = (path for path in sorted(self.folder.iterdir()) if path.name != "img_org")
        return inner if inner.exists() else next(others, inner)


def _anything(_: str) -> bool:
    return True


def _no_repair(files: Files) -> Files:
    return files


@dataclass(frozen=True)
class Target:
    """One reader.

    Args:
        weight: Share of the cases.
        seeds: Makes the valid cases to begin from.
        run: Reads a case; raises what the reader raises.
        seconds: Longest time of a case.
        mutable: Which files are mutated.
        repair: Makes mutated files consistent again; done to every other case.
        writes: Whether the command may change the case's own folder.
    """

    weight: float
    seeds: Callable[[], Sequence[Files]]
    run: Callable[[Case], object]
    seconds: float = LIMIT_S
    mutable: Callable[[str], bool] = _anything
    repair: Callable[[Files], Files] = _no_repair
    writes: bool = False
