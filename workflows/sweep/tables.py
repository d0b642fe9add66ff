"""Figures over runs, as values for JSON and as tables in Markdown."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from dgf.pipeline.errors import UserError
from dgf.pipeline.files import read_record, write_atomic, write_record
from dgf.workflows.sweep.runs import FinishedRun

FIGURE_NAMES = {
    "accuracy": "accuracy",
    "precision": "precision",
    "recall": "recall",
    "f1": "micro F1",
    "macro_f1": "macro F1",
}
"""Figures of a run, and what a table calls them."""


def over_runs(runs: Sequence[FinishedRun]) -> dict[str, dict[str, float | None]]:
    """Mean and sample standard deviation of each figure; None for the deviation of one run."""
    columns = {name: [run.figures[name] for run in runs] for name in FIGURE_NAMES}
    return {
        name: {"mean": mean(values), "deviation": stdev(values) if len(values) > 1 else None}
        for name, values in columns.items()
    }


def run_values(run: FinishedRun) -> dict[str, Any]:
    """A run for JSON."""
    return {"seed": run.seed, "folder": run.out.name, "best_epoch": run.best_epoch, **run.figures}


def seeds_lines(content: Mapping[str, Any]) -> list[str]:
    """The table of `seeds.json`: a line a seed, then the mean and deviation."""
    rows = [
        [str(run["seed"]), str(run["best_epoch"]), *(f"{100 * run[name]:.2f}" for name in FIGURE_NAMES)]
        for run in content["runs"]
    ]
    rows.append([f"mean of {len(rows)}", "", *map(spread, content["figures"].values())])
    failed = [f"seed {seed} failed: {_one_line(reason)}" for seed, reason in content["failed"].items()]
    title = f"Validation split, best epoch of each seed{_protocol(content)}"
    return [title, "", *_table(["seed", "epoch", *FIGURE_NAMES.values()], rows), *(["", *failed] if failed else [])]


def trials_lines(content: Mapping[str, Any]) -> list[str]:
    """The table of `tune.json`: a line a trial, the best first; then those that failed."""
    trials, keys = content["trials"], list(content["space"])
    rows = [
        [*(str(trial["values"][key]) for key in keys), *map(spread, trial["figures"].values()), trial["folder"]]
        for trial in trials
        if trial["figures"]
    ]
    failed = [
        f"{trial['folder']} ({', '.join(f'{k}={v}' for k, v in trial['values'].items())}) failed, seed {seed}: "
        + _one_line(reason)
        for trial in trials
        for seed, reason in trial["failed"].items()
    ]
    seeds = ", ".join(map(str, content["seeds"]))
    title = f"Validation split, mean and deviation over the seeds {seeds}, by micro F1{_protocol(content)}"
    return [title, "", *_table([*keys, *FIGURE_NAMES.values(), "folder"], rows), *(["", *failed] if failed else [])]


def write_table(file: Path, content: Mapping[str, Any], lines: Iterable[str]) -> None:
    """Write the values as JSON, and the table beside them as Markdown."""
    write_record(file, content)
    write_atomic(file.with_suffix(".md"), ("\n".join(lines) + "\n").encode())


def check_table_place(file: Path) -> None:
    """See that writing a table replaces nothing but an earlier one.

    Raises:
        UserError: A file of that name is there which dgf did not write.
    """
    for there in (file, file.with_suffix(".md")):
        try:
            own = not there.exists() or bool({"runs", "trials"} & read_record(file).keys())
        except (OSError, ValueError):
            own = False
        if not own:
            raise UserError(
                f"{there}: is there, and dgf did not write it: it is not overwritten", "Name another --out."
            )


def spread(figure: Mapping[str, float | None]) -> str:
    """Mean and deviation in percent, such as `62.83 +- 1.41`."""
    mean_of, deviation = ("" if value is None else f"{100 * value:.2f}" for value in figure.values())
    return f"{mean_of} +- {deviation}" if deviation else mean_of


def _protocol(content: Mapping[str, Any]) -> str:
    return f"; protocol: {content['protocol']}" if content["protocol"] else ""


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A table in Markdown, its columns aligned."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = [head, ["-" * width for width in widths], *rows]
    return [f"| {' | '.join(cell.ljust(w) for cell, w in zip(line, widths, strict=True))} |" for line in lines]
