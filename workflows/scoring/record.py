"""What `dgf eval` writes and shows: report.json, predictions.jsonl, a table for the terminal."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from dgf.pipeline.errors import UserError
from dgf.pipeline.files import write_atomic, write_json
from dgf.workflows.data import text_only_words
from dgf.workflows.scoring.answers import ALWAYS, SOMETIMES
from dgf.workflows.scoring.effects import effects_table
from dgf.workflows.scoring.metrics import Scores
from dgf.workflows.scoring.significance import FEWEST_RUNS, Comparison

_FOREIGN = "is there, and dgf did not write it: it is not overwritten"

FIGURES = ("accuracy", "precision", "recall", "f1", "macro_f1")


def check_report_place(folder: Path) -> None:
    """See that writing a report into a folder replaces nothing but an earlier report.

    Raises:
        UserError: A file of that name is there which `dgf eval` did not write.
    """
    report = folder / "report.json"
    if report.exists() and not _is_report(report):
        raise UserError(f"{report}: {_FOREIGN}", "Name another folder as --out.")
    check_answers_place(folder / "predictions.jsonl", "Name another folder as --out.")


def check_answers_place(file: Path, hint: str) -> None:
    """See that writing answers to a file replaces nothing but earlier answers.

    Raises:
        UserError: The file is there, and `dgf` did not write it.
    """
    if file.exists() and not _are_answers(file):
        raise UserError(f"{file}: {_FOREIGN}", hint)


def _is_report(file: Path) -> bool:
    try:
        content = file.read_text(encoding="utf-8")
        return not content or {"run", "protocol", "metric", "scores"} <= json.loads(content).keys()
    except (OSError, ValueError, AttributeError, RecursionError):
        return False


def _are_answers(file: Path) -> bool:
    """Whether every line holds the keys of an answer and no others; an empty file has nothing to lose."""
    try:
        with file.open(encoding="utf-8") as lines:
            rows = [json.loads(line).keys() for line in lines]
    except (OSError, ValueError, AttributeError, RecursionError):
        return False
    return all(row >= ALWAYS and row <= ALWAYS | SOMETIMES for row in rows)


def write_report(folder: Path, report: Mapping[str, Any], scores: Scores | None) -> None:
    """Write `report.json`: how it was measured, then the figures (None where no row has a relation)."""
    write_json(folder / "report.json", {**report, "scores": asdict(scores) if scores else None})


def write_predictions(folder: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write `predictions.jsonl`, one object a row; it holds no gold relation, so labels cannot change a byte of it."""
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    write_atomic(folder / "predictions.jsonl", lines.encode())


def table(report: Mapping[str, Any], scores: Scores | None) -> str:
    """Lay out the figures for the terminal: how measured, over all rows, then by relation."""
    left_out = report["negative_label"]
    lacking = text_only_words(captions=report.get("captioner") is not None)
    lines = [
        f"{report['run']} on {report['split']}: {report['rows']} rows, {report['text_only_rows']} of them {lacking}, "
        f"{len(report['skipped_rows'])} skipped",
        f"protocol: {report['protocol']}",
        f"figures leave out the relation {left_out!r}" if left_out else "figures count every relation",
    ]
    if report.get("effects"):
        lines += ["", *effects_table(report["effects"])]
    if scores is None:
        return "\n".join([*lines, "no row has a relation: predictions only, no figures"])
    lines += [
        "",
        "  ".join(f"{name:>9}" for name in ("accuracy", "precision", "recall", "micro F1", "macro F1")),
        "  ".join(f"{100 * getattr(scores, name):9.2f}" for name in FIGURES),
        "",
        f"{'relation':<32}{'P':>8}{'R':>8}{'F1':>8}{'rows':>7}{'trained on':>12}",
    ]
    for name, r in sorted(scores.per_relation.items(), key=lambda item: -item[1].support):
        figures = f"{100 * r.precision:8.2f}{100 * r.recall:8.2f}{100 * r.f1:8.2f}{r.support:7d}{r.training_rows:12d}"
        lines.append(f"{name:<32}{figures}")
    return "\n".join(lines)


def over_seeds(reports: Sequence[Scores]) -> dict[str, dict[str, float]]:
    """Return the mean and sample standard deviation of each figure over runs that differ in their seed."""
    columns = {name: [float(getattr(scores, name)) for scores in reports] for name in FIGURES}
    return {
        name: {"mean": mean(values), "deviation": stdev(values) if len(values) > 1 else 0.0}
        for name, values in columns.items()
    }


def seeds_table(figures: Mapping[str, Mapping[str, float]], protocols: Sequence[str]) -> str:
    """Lay out mean and deviation over runs, each of which had a protocol, for the terminal."""
    lines = [f"mean and deviation over {len(protocols)} runs"]
    lines += [f"protocol: {protocol}" for protocol in sorted(set(protocols))]
    lines += [f"{name:>10} {100 * f['mean']:7.2f} +- {100 * f['deviation']:.2f}" for name, f in figures.items()]
    return "\n".join(lines)


def comparison_line(comparison: Comparison) -> str:
    """Say for the terminal by how much the first runs are ahead of the others, and whether chance gives as much."""
    said = f"micro F1 of the first less that of --against: {100 * comparison.difference:+.2f}"
    if comparison.p_value is None:
        return f"{said} (a p-value takes {FEWEST_RUNS} runs of each, and here are {comparison.runs})"
    return f"{said}, p = {comparison.p_value:.4f} (paired randomization over rows, {comparison.runs} runs of each)"
