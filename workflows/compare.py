"""Several evaluated runs side by side: mean, deviation and interval, and whether two systems differ."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dgf.pipeline.errors import UserError
from dgf.workflows.evaluate import Evaluation
from dgf.workflows.scoring import (
    COMPARED_BY,
    FIGURES,
    Comparison,
    Interval,
    check_comparison_place,
    compare,
    mean_interval,
    over_seeds,
    write_comparison,
)


@dataclass(frozen=True, slots=True)
class SystemRuns:
    """Runs that differ in their seed.

    Args:
        runs: Each, evaluated on the same rows.
        figures: Mean and deviation of each figure; None where no row has a relation.
        interval: 95%, of the mean micro F1, over other seeds and other rows; None below three runs.
    """

    runs: tuple[Evaluation, ...]
    figures: dict[str, dict[str, float]] | None
    interval: Interval | None


def report_places(out: Path | None, runs: Sequence[Path]) -> list[Path | None]:
    """Say where the report of each run goes: into `out`, of several runs into a folder each in there, or to the run.

    Raises:
        UserError: A comparison could not be written there either.
    """
    if out is None or len(runs) == 1:
        return [out] * len(runs)
    check_comparison_place(out)
    return [out / f"{number}-{run.resolve().name}" for number, run in enumerate(runs, 1)]


def side_of(runs: Sequence[Evaluation]) -> SystemRuns:
    """Put runs together; those of different rows have a mean, and no interval."""
    scores = [run.scores for run in runs if run.scores is not None]
    first, known, interval = runs[0], runs[0].gold >= 0, None
    if known.any() and all(_alike(first, run) for run in runs):
        answers = [run.predicted[known] for run in runs]
        interval = mean_interval(first.gold[known], answers, first.labels.none, first.groups[known])
    return SystemRuns(tuple(runs), over_seeds(scores) if scores else None, interval)


def compare_runs(ours: Sequence[Evaluation], others: Sequence[Evaluation]) -> Comparison:
    """Compare two systems, each a run or several (seeds), on the rows that both were evaluated on.

    Raises:
        UserError: Their rows or relations differ, or no row has a relation.
        ValueError: One has more runs than the other.
    """
    first, known = ours[0], ours[0].gold >= 0
    for side in (ours, others):
        names = [str(run.report["run"]) for run in side]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise UserError(f"{twice}: is named twice", "Give runs that differ in their seed: one counts once.")
    for other in (*ours, *others):
        if not _alike(first, other):
            raise UserError(
                f"{other.report['run']}: was evaluated on other rows or relations than {first.report['run']}",
                "Compare runs on one split of one data set, with the same --missing-images and --on-error.",
            )
    if not known.any():
        raise UserError(f"{first.report['data']}: no row has a relation, so that nothing can be compared")
    our_answers, other_answers = ([run.predicted[known] for run in side] for side in (ours, others))
    return compare(first.gold[known], our_answers, other_answers, first.labels.none, first.groups[known])


def record_comparison(out: Path, ours: SystemRuns, against: SystemRuns | None, test: Comparison | None) -> None:
    """Write `comparison.json` into a folder that `report_places` has looked at."""
    report = ours.runs[0].report
    content = {
        "split": report["split"],
        "metric": report["metric"],
        "negative_label": report["negative_label"],
        "runs": _recorded(ours),
        "against": None if against is None else _recorded(against),
        "test": None if test is None else {"method": COMPARED_BY, **asdict(test)},
    }
    write_comparison(out, content)


def _recorded(side: SystemRuns) -> dict[str, Any]:
    said = ("run", "seed", "protocol", "protocols", "oracle")
    each = []
    for run in side.runs:
        scores = run.report["scores"]
        figures = None if scores is None else {name: scores[name] for name in FIGURES}
        measured = {"figures": figures, "intervals": scores and scores["intervals"]}
        each.append({name: run.report[name] for name in said} | {"report": str(run.out / "report.json")} | measured)
    return {"each": each, "figures": side.figures, "f1_interval": side.interval}


def _alike(one: Evaluation, other: Evaluation) -> bool:
    """Whether two runs were evaluated on the same rows and relations."""
    return one.labels == other.labels and one.ids == other.ids and bool((one.gold == other.gold).all())
