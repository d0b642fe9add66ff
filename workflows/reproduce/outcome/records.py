"""The files that an experiment's tables are made of: `runs.csv` and what lies beside it.

`runs.csv` has a line a run and nothing that differs between two makings of one run, so that it is the same to the byte
however often, and wherever, the work was interrupted; times are in `times.csv`.
"""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from dgf.pipeline.errors import UserError
from dgf.pipeline.files import write_atomic
from dgf.workflows.scoring import FIGURES

VERSIONS = ("dgf", "torch", "transformers")
_PLAIN = ("row", "varied", "seed", "digest", "oracle", "protocol")
_HEAD = (*_PLAIN, *VERSIONS, "rows", *FIGURES)
_BAND = "f1 of "
"""Before the training rows of a band, such as `f1 of 10-49`, in the head of a column."""


@dataclass(frozen=True, slots=True)
class RunLine:
    """A line of `runs.csv`.

    Args:
        row: Name of the experiment's row.
        varied: The `key=value` it was run with, or nothing.
        seed: Of the run; nothing of a rule.
        digest: Of its configuration, which is the name of its folder; nothing of a rule.
        oracle: Whether something gives the label away.
        protocol: What must stand beside the figures.
        versions: Of the software that began the run.
        rows: That were evaluated.
        figures: In [0, 1].
        bands: Micro F1 over the relations of so many training rows, of bands with a row in the test split.
    """

    row: str
    varied: str
    seed: str
    digest: str
    oracle: bool
    protocol: str
    versions: Mapping[str, str]
    rows: int
    figures: Mapping[str, float]
    bands: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TimeLine:
    """What training took; a line of `times.csv`."""

    row: str
    varied: str
    seed: str
    digest: str
    seconds: str


@dataclass(frozen=True, slots=True)
class MissingLine:
    """A run without figures, and why; a line of `missing.csv`."""

    row: str
    varied: str
    seed: str
    reason: str


@dataclass(frozen=True, slots=True)
class UnseenLine:
    """Relations that a run was trained without a row of, though the training split has some; a line of `unseen.csv`."""

    row: str
    varied: str
    seed: str
    relations: str


@dataclass(frozen=True, slots=True)
class TestLine:
    """A row's mean micro F1 less that of the best row, in [-1, 1], and the paired test; a line of `tests.csv`."""

    row: str
    varied: str
    best: str
    runs: str
    difference: str
    p_value: str


@dataclass(frozen=True, slots=True)
class CaseLine:
    """What a row answers to a pair of the case; a line of `cases.csv`.

    `answer` is the most frequent one of its runs, and `right` counts the runs that answer rightly.
    """

    sentence: str
    photo: str
    head: str
    tail: str
    relation: str
    row: str
    answer: str
    right: str
    runs: str


FlatLine = TypeVar("FlatLine", TimeLine, MissingLine, UnseenLine, TestLine, CaseLine)


def write_runs(file: Path, lines: Sequence[RunLine]) -> None:
    """Write `runs.csv`; the order of the lines is that of the experiment."""
    bands = sorted({band for line in lines for band in line.bands}, key=lambda band: int(band.strip("+").split("-")[0]))
    head = [*_HEAD, *(_BAND + band for band in bands)]
    values = (
        [
            *(str(getattr(line, name)) for name in _PLAIN),
            *line.versions.values(),
            str(line.rows),
            *(repr(line.figures[name]) for name in FIGURES),
            *(repr(line.bands[band]) if band in line.bands else "" for band in bands),
        ]
        for line in lines
    )
    _write(file, head, values)


def read_runs(file: Path) -> list[RunLine]:
    """Read `runs.csv`.

    Raises:
        UserError: It is not there, or is no such file.
    """
    try:
        return [
            RunLine(
                **{name: line[name] for name in ("row", "varied", "seed", "digest", "protocol")},
                oracle={"True": True, "False": False}[line["oracle"]],
                versions={name: line[name] for name in VERSIONS},
                rows=int(line["rows"]),
                figures={name: float(line[name]) for name in FIGURES},
                bands={
                    key.removeprefix(_BAND): float(line[key]) for key in line if key.startswith(_BAND) and line[key]
                },
            )
            for line in _read(file, _HEAD)
        ]
    except FileNotFoundError as error:
        raise UserError(
            f"{file}: is not there", "`dgf reproduce EXPERIMENT --data DATA --out OUT` makes it."
        ) from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{file}: was not written by `dgf reproduce`", "Name another --out, or remove it.") from error


def write_flat_lines(file: Path, kind: type[FlatLine], lines: Iterable[FlatLine]) -> None:
    """Write lines of one kind, a column a field."""
    _write(file, [entry.name for entry in fields(kind)], (list(asdict(line).values()) for line in lines))


def read_flat_lines(file: Path, kind: type[FlatLine]) -> list[FlatLine]:
    """Read what `write_flat_lines` wrote; nothing where there is no file.

    Raises:
        UserError: It is no such file.
    """
    try:
        names = [entry.name for entry in fields(kind)]
        return [kind(**line) for line in _read(file, names)] if file.exists() else []
    except (OSError, ValueError, TypeError) as error:
        raise UserError(f"{file}: was not written by `dgf reproduce`", "Remove it.") from error


def _write(file: Path, head: Sequence[str], lines: Iterable[Sequence[Any]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(lines)
    write_atomic(file, text.getvalue().encode())


def _read(file: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """Read a file whose columns begin with these; raise ValueError where they do not."""
    with file.open(encoding="utf-8", newline="") as text:
        reader = csv.DictReader(text, strict=True)
        try:
            if (reader.fieldnames or [])[: len(columns)] != list(columns):
                raise ValueError("other columns")
            return list(reader)
        except csv.Error as error:
            raise ValueError(str(error)) from error
