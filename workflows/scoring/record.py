"""What `dgf eval` writes: report.json and predictions.jsonl, and that neither replaces what is not its own."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from dgf.pipeline.errors import UserError
from dgf.pipeline.files import write_atomic, write_json
from dgf.workflows.scoring.answers import ALWAYS, SOMETIMES, WITHOUT_ANSWER

FOREIGN = "is there, and dgf did not write it: it is not overwritten"


def check_report_place(folder: Path) -> None:
    """See that writing a report into a folder replaces nothing but an earlier report.

    Raises:
        UserError: A file of that name is there which `dgf eval` did not write.
    """
    report = folder / "report.json"
    if report.exists() and not _has_keys(report, {"run", "protocol", "metric", "scores"}):
        raise UserError(f"{report}: {FOREIGN}", "Name another folder as --out.")
    check_answers_place(folder / "predictions.jsonl", "Name another folder as --out.")


def check_answers_place(file: Path, hint: str) -> None:
    """See that writing answers to a file replaces nothing but earlier answers.

    Raises:
        UserError: The file is there, and `dgf` did not write it.
    """
    if file.exists() and not _are_answers(file):
        raise UserError(f"{file}: {FOREIGN}", hint)


def _has_keys(file: Path, keys: set[str]) -> bool:
    """Whether a file holds an object with these keys; an empty file has nothing to lose."""
    try:
        content = file.read_text(encoding="utf-8")
        return not content or keys <= json.loads(content).keys()
    except (OSError, ValueError, AttributeError, RecursionError):
        return False


def _are_answers(file: Path) -> bool:
    """Whether every line is an answer, or says why there is none, by its keys; an empty file has nothing to lose."""
    try:
        with file.open(encoding="utf-8") as lines:
            rows = (json.loads(line).keys() for line in lines)
            return all((row >= ALWAYS and row <= ALWAYS | SOMETIMES) or row == WITHOUT_ANSWER for row in rows)
    except (OSError, ValueError, AttributeError, RecursionError):
        return False


def check_comparison_place(folder: Path) -> None:
    """See that writing a comparison into a folder replaces nothing but an earlier one.

    Raises:
        UserError: A file of that name is there which `dgf eval` did not write.
    """
    file = folder / "comparison.json"
    if file.exists() and not _has_keys(file, {"runs", "against", "test"}):
        raise UserError(f"{file}: {FOREIGN}", "Name another folder as --out.")


def write_report(folder: Path, report: Mapping[str, Any]) -> None:
    """Write `report.json`: how it was measured, then the figures (None where no row has a relation)."""
    write_json(folder / "report.json", report)


def write_comparison(folder: Path, comparison: Mapping[str, Any]) -> None:
    """Write `comparison.json`: the runs with their figures and protocols, and the test of a difference."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "comparison.json", comparison)


def write_predictions(folder: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write `predictions.jsonl`, one object a row; it holds no gold relation, so labels cannot change a byte of it."""
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    write_atomic(folder / "predictions.jsonl", lines.encode())
