"""Everything that is measured of a split whose relations are known: figures, their intervals, where they differ."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dgf.model.labels import LabelSpace
from dgf.workflows.scoring.answers import Answers
from dgf.workflows.scoring.calibration import Calibration, calibrate
from dgf.workflows.scoring.groups import group_rows
from dgf.workflows.scoring.intervals import Interval, Intervals, estimate_intervals, f1_interval
from dgf.workflows.scoring.metrics import Confusion, Scores, count_confusion, score
from dgf.workflows.scoring.slices import AnsweredRows, Slice, slice_scores


@dataclass(frozen=True, slots=True)
class Assessment:
    """Figures of one split; `intervals` is None where its rows hang together in too few groups."""

    scores: Scores
    intervals: Intervals | None
    confusion: Confusion
    calibration: Calibration
    slices: tuple[Slice, ...]

    def figures(self) -> dict[str, Any]:
        """Return everything in one mapping, as `report.json` has it under `scores`."""
        rest = {name: value for name, value in asdict(self).items() if name != "scores"}
        return {**asdict(self.scores), **rest}


@dataclass(frozen=True, slots=True)
class ShareScores:
    """Micro F1 of a split of which a share of the photos is shown; `photos` counts the different ones."""

    share: float
    photos: int
    f1: float
    interval: Interval | None


def assess(answers: Answers, training_rows: Mapping[str, int]) -> Assessment | None:
    """Measure the rows of a split that have a relation; None where none has.

    Args:
        answers: Of all rows.
        training_rows: Rows of each relation in the training split.
    """
    examples, labels = answers.split.batches.examples, answers.labels
    known = examples.relations >= 0
    if not known.any():
        return None
    rows = AnsweredRows(
        gold=examples.relations[known],
        predicted=answers.predictions.relations[known],
        groups=group_rows(examples.posts)[known],
        words=np.array([len(post.tokens) for post in examples.posts], np.int64)[known],
        photo=answers.split.placed.shown[known],
    )
    counted = _counted(labels)
    return Assessment(
        scores=score(rows.gold, rows.predicted, labels.relations, labels.none, training_rows),
        intervals=estimate_intervals(rows.gold, rows.predicted, counted, rows.groups),
        confusion=count_confusion(rows.gold, rows.predicted, labels.relations),
        calibration=calibrate(rows.gold, answers.predictions.log_probs[known]),
        slices=slice_scores(rows, labels.relations, counted, training_rows),
    )


def assess_share(answers: Answers, share: float) -> ShareScores | None:
    """Measure micro F1 of a split that was answered with a share of its photos; None where no row has a relation."""
    examples, labels = answers.split.batches.examples, answers.labels
    known = examples.relations >= 0
    if not known.any():
        return None
    gold, predicted = examples.relations[known], answers.predictions.relations[known]
    shown = {post.image_ids for post, seen in zip(examples.posts, answers.split.placed.shown, strict=True) if seen}
    return ShareScores(
        share=share,
        photos=len(shown),
        f1=score(gold, predicted, labels.relations, labels.none).f1,
        interval=f1_interval(gold, predicted, _counted(labels), group_rows(examples.posts)[known]),
    )


def _counted(labels: LabelSpace) -> NDArray[np.bool_]:
    """(R,) which relations micro and macro figures count."""
    return np.array([number != labels.none for number in range(len(labels.relations))], dtype=bool)
