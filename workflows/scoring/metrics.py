"""The field's figures: accuracy over all rows, micro precision, recall and F1 without the negative label."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

FREQUENCY_BANDS = ((0, 10), (10, 50), (50, 100), (100, 200), (200, 500), (500, 1000), (1000, None))
"""Training rows of a relation, [from, to): the bands in which F1 is reported (Figure 4 varies it over 0 to 1000)."""


@dataclass(frozen=True, slots=True)
class RelationScores:
    """Figures of one relation; `support` is its gold rows, `training_rows` its rows in the training split."""

    precision: float
    recall: float
    f1: float
    support: int
    training_rows: int


@dataclass(frozen=True, slots=True)
class BandScores:
    """Micro figures over the relations whose training rows fall into one band."""

    training_rows: str
    relations: int
    support: int
    f1: float


@dataclass(frozen=True, slots=True)
class Scores:
    """Figures of one evaluated split, each in [0, 1].

    Accuracy counts every row. Micro precision, recall and F1 leave out the negative label: as gold for recall, as
    prediction for precision. Macro F1 is the mean over the other relations with at least one gold row, so that a
    relation that the split lacks neither helps nor harms; `macro_relations` says how many those are.
    """

    rows: int
    accuracy: float
    precision: float
    recall: float
    f1: float
    macro_f1: float
    macro_relations: int
    per_relation: Mapping[str, RelationScores]
    by_training_rows: tuple[BandScores, ...]


def score(
    gold: Sequence[int] | np.ndarray,
    predicted: Sequence[int] | np.ndarray,
    relations: Sequence[str],
    none: int | None,
    training_rows: Mapping[str, int] | None = None,
) -> Scores:
    """Score predictions as the field does.

    Args:
        gold: (n,) relation ids.
        predicted: (n,) relation ids.
        relations: Names in id order.
        none: Id of the negative label, left out of micro and macro figures; None where there is no such relation.
        training_rows: Rows of each relation in the training split, for the report by frequency.

    Raises:
        ValueError: If there is no row, or the two differ in length.
    """
    gold, predicted = np.asarray(gold), np.asarray(predicted)
    if gold.shape != predicted.shape or gold.size == 0:
        raise ValueError(f"need as many predictions as gold relations, and at least one: {gold.size}, {predicted.size}")
    training_rows = training_rows or {}
    positive = [i for i in range(len(relations)) if i != none]
    precision, recall, f1 = micro_figures(gold, predicted, positive)
    per_relation = {
        relations[i]: RelationScores(
            *micro_figures(gold, predicted, [i]), int((gold == i).sum()), training_rows.get(relations[i], 0)
        )
        for i in positive
    }
    with_support = [r.f1 for r in per_relation.values() if r.support]
    return Scores(
        rows=int(gold.size),
        accuracy=float((gold == predicted).mean()),
        precision=precision,
        recall=recall,
        f1=f1,
        macro_f1=float(np.mean(with_support)) if with_support else 0.0,
        macro_relations=len(with_support),
        per_relation=per_relation,
        by_training_rows=_by_training_rows(gold, predicted, relations, per_relation),
    )


def micro_figures(gold: np.ndarray, predicted: np.ndarray, labels: list[int]) -> tuple[float, float, float]:
    """Return micro precision, recall and F1 over the relations of some ids, each 0 where nothing decides it.

    A test holds them equal to scikit-learn's, whose import takes longer than a small evaluation.
    """
    guessed, there = np.isin(predicted, labels), np.isin(gold, labels)
    hits = int((there & (gold == predicted)).sum())
    counts = int(guessed.sum()), int(there.sum())
    precision, recall = (hits / count if count else 0.0 for count in counts)
    return precision, recall, 2 * hits / sum(counts) if sum(counts) else 0.0


def frequency_bands(names: Sequence[str], training_rows: Mapping[str, int]) -> dict[str, set[str]]:
    """Sort relations into the bands of their training rows, named `10-49`; bands without one are left out."""
    bands: dict[str, set[str]] = {}
    for low, high in FREQUENCY_BANDS:
        inside = {
            n for n in names if low <= training_rows.get(n, 0) and (high is None or training_rows.get(n, 0) < high)
        }
        if inside:
            bands[f"{low}+" if high is None else f"{low}-{high - 1}"] = inside
    return bands


def _by_training_rows(
    gold: np.ndarray, predicted: np.ndarray, relations: Sequence[str], scores: Mapping[str, RelationScores]
) -> tuple[BandScores, ...]:
    found = []
    for band, names in frequency_bands(list(scores), {name: r.training_rows for name, r in scores.items()}).items():
        f1 = micro_figures(gold, predicted, [i for i, name in enumerate(relations) if name in names])[2]
        found.append(BandScores(band, len(names), sum(scores[name].support for name in names), f1))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Confusion:
    """Rows by gold relation (down) and predicted relation (across); relations with neither are left out."""

    relations: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]


def count_confusion(gold: np.ndarray, predicted: np.ndarray, relations: Sequence[str]) -> Confusion:
    """Count which relation was taken for which, in id order."""
    present = np.union1d(gold, predicted)
    counts = np.zeros((len(present), len(present)), np.int64)
    np.add.at(counts, (np.searchsorted(present, gold), np.searchsorted(present, predicted)), 1)
    return Confusion(tuple(relations[i] for i in present), tuple(tuple(row) for row in counts.tolist()))
