"""What the folder of a run, or a rule, says for the files of an experiment."""

import json
from collections.abc import Iterator
from pathlib import Path

from dgf.pipeline.posts import Dataset
from dgf.workflows.reproduce.evaluated import evaluation_folder
from dgf.workflows.reproduce.outcome.records import VERSIONS, RunLine, TimeLine, UnseenLine
from dgf.workflows.reproduce.plan import RowRun
from dgf.workflows.reproduce.rules import RuleAnswers
from dgf.workflows.scoring import FIGURES
from dgf.workflows.training.run_folder import RunFolder


def line_of_run(run: RowRun, folder: Path) -> RunLine | None:
    """Read the line of an evaluated run; None where no test row has a relation."""
    report = json.loads((evaluation_folder(folder) / "report.json").read_text(encoding="utf-8"))
    text = (folder / "environment.txt").read_text(encoding="utf-8")
    versions = dict(line.split(": ", 1) for line in text.splitlines() if ": " in line)
    scores = report["scores"]
    if scores is None:
        return None
    return RunLine(
        row=run.row,
        varied=run.varied,
        seed=str(run.seed),
        digest=run.digest,
        oracle=report["oracle"],
        protocol=report["protocol"],
        versions={name: versions.get(name, "") for name in VERSIONS},
        rows=report["rows"],
        figures={name: scores[name] for name in FIGURES},
        bands={band["training_rows"]: band["f1"] for band in scores["by_training_rows"] if band["support"]},
    )


def line_of_rule(row: str, varied: str, found: RuleAnswers) -> RunLine:
    """The line of a rule."""
    return RunLine(
        row=row,
        varied=varied,
        seed="",
        digest="",
        oracle=found.oracle,
        protocol=found.protocol,
        versions=dict.fromkeys(VERSIONS, ""),
        rows=found.scores.rows,
        figures={name: float(getattr(found.scores, name)) for name in FIGURES},
        bands={band.training_rows: band.f1 for band in found.scores.by_training_rows if band.support},
    )


def time_of_run(run: RowRun, folder: Path) -> TimeLine:
    """Read what the training of a finished run took."""
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    return TimeLine(run.row, run.varied, str(run.seed), run.digest, str(summary["seconds"]))


def unseen_by_run(run: RowRun, folder: Path, dataset: Dataset) -> Iterator[UnseenLine]:
    """Find the relations that a drawn part of the training rows has none of; no line where it has all."""
    drawn = RunFolder(folder).read_data()["training_rows"]
    there = {post.relation for post in dataset.splits["train"]}
    if unseen := [name for name in dataset.relations if name in there and not drawn.get(name)]:
        yield UnseenLine(run.row, run.varied, str(run.seed), ", ".join(unseen))
