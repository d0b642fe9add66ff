"""Figures of parts of a split: where a system is good, and where it is not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dgf.workflows.scoring.groups import Groups
from dgf.workflows.scoring.intervals import Interval, f1_interval
from dgf.workflows.scoring.metrics import frequency_bands, micro_figures

WORD_BANDS = ((1, 10), (11, 15), (16, 20), (21, 25), (26, None))
"""Words of a sentence, from and up to: MNRE's have 17 on average, one in twenty has more than 24."""


@dataclass(frozen=True, slots=True)
class Slice:
    """Figures of some rows, or of some relations.

    Args:
        by: What divides the split: `photo`, `words` or `training rows`.
        value: Which part of it this is.
        rows: In this part; by training rows, those whose gold relation is in the band.
        support: Those of them with a relation that counts.
        accuracy: Over these rows.
        f1: Micro F1 over these rows; by training rows, over the band's relations in all rows.
        interval: 95%, of this F1; None where there are too few groups of rows, or
            all are wrong or all right.
    """

    by: str
    value: str
    rows: int
    support: int
    accuracy: float
    f1: float
    interval: Interval | None


@dataclass(frozen=True, slots=True)
class AnsweredRows:
    """n rows with what is known of them and what was said.

    Args:
        gold: (n,) relation ids.
        predicted: (n,) relation ids.
        groups: (n,) groups of rows that hang together.
        words: (n,) words of the sentence.
        photo: (n,) whether its photo, or the photo's caption, was seen.
    """

    gold: NDArray[np.int64]
    predicted: NDArray[np.int64]
    groups: Groups
    words: NDArray[np.int64]
    photo: NDArray[np.bool_]


def slice_scores(
    rows: AnsweredRows, relations: Sequence[str], counted: NDArray[np.bool_], training_rows: Mapping[str, int]
) -> tuple[Slice, ...]:
    """Score the rows with and without a photo, of short and of long sentences, and of rare and of frequent relations.

    A division of which all rows are in one part is left out.

    Args:
        rows: The whole split.
        relations: Names in id order.
        counted: (R,) which of them micro F1 counts.
        training_rows: Rows of each relation in the training split.
    """
    parts = {"photo": {"with": rows.photo, "without": ~rows.photo}, "words": {}}
    for low, high in WORD_BANDS:
        name = f"{low}+" if high is None else f"{low}-{high}"
        parts["words"][name] = (rows.words >= low) & (rows.words <= (high or np.inf))
    found = []
    for by, masks in parts.items():
        there = {value: mask for value, mask in masks.items() if mask.any()}
        if len(there) > 1:
            found += [_slice(by, value, rows, mask, mask, counted) for value, mask in there.items()]
    for value, names in frequency_bands(
        [name for name, counts in zip(relations, counted, strict=True) if counts], training_rows
    ).items():
        band = np.array([name in names for name in relations])
        if band[rows.gold].any():
            everything = np.ones(len(rows.gold), dtype=bool)
            found.append(_slice("training rows", value, rows, band[rows.gold], everything, band))
    return tuple(found)


def _slice(
    by: str,
    value: str,
    rows: AnsweredRows,
    inside: NDArray[np.bool_],
    asked: NDArray[np.bool_],
    counted: NDArray[np.bool_],
) -> Slice:
    """Score accuracy over the rows `inside`, and F1 over the `counted` relations in those that are `asked`."""
    gold, predicted = rows.gold[asked], rows.predicted[asked]
    return Slice(
        by=by,
        value=value,
        rows=int(inside.sum()),
        support=int(counted[rows.gold[inside]].sum()),
        accuracy=float((rows.gold == rows.predicted)[inside].mean()),
        f1=micro_figures(gold, predicted, np.flatnonzero(counted).tolist())[2],
        interval=f1_interval(gold, predicted, counted, rows.groups[asked]),
    )
