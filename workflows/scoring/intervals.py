"""How far the figures of a split may be from those of the posts it was drawn from: 95% intervals.

What is drawn again is groups of rows (posts of one sentence or photo), since these are right or wrong together: rows
drawn one by one would give intervals that are too narrow.

Accuracy and the micro figures are ratios of two sums over groups. Their intervals are those of the percentile
bootstrap, which hold the true figure of splits like MNRE's, and of ones of 300 rows, in 93 to 97% of the cases
(`tests/workflows/scoring/test_intervals.py` simulates 1,000 of each). The accelerated and the studentized bootstrap
were tried too, and are no better for these.

Macro F1 weighs a relation with one row like any other, and a draw without this row is a mean over other relations:
percentiles of its bootstrap hold the truth in 90% of the cases, accelerated ones in 75 to 80%. Its interval is that of
the jackknife over groups, with Student's t: 91 to 96%, and wide, since a few rows decide it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from dgf.workflows.scoring.groups import Groups, sum_groups

Interval = tuple[float, float]
Floats64 = NDArray[np.float64]

FEWEST_GROUPS = 20
"""Groups below which no interval is given: that of ten groups, asked for 95%, holds the truth in 87% of the cases."""

_DRAWS = 2000
_CELLS = 1 << 22
"""Draws times groups that are held at once."""
_ENDS = (0.025, 0.975)


@dataclass(frozen=True, slots=True)
class Intervals:
    """Low and high end of each figure, in [0, 1]: other posts of the same kind would give another figure in there."""

    accuracy: Interval
    precision: Interval
    recall: Interval
    f1: Interval
    macro_f1: Interval


def estimate_intervals(
    gold: NDArray[np.int64], predicted: NDArray[np.int64], counted: NDArray[np.bool_], groups: Groups, seed: int = 0
) -> Intervals | None:
    """Return the 95% intervals of the figures of a split; None where there are fewer than twenty groups.

    Args:
        gold: (n,) relation ids.
        predicted: (n,) relation ids.
        counted: (R,) which relations micro and macro figures count.
        groups: (n,) which group each row is of.
        seed: Of the draws.
    """
    right = gold == predicted
    sums = sum_groups(groups, right, np.ones_like(gold), right & counted[gold], counted[predicted], counted[gold])
    if len(sums) < FEWEST_GROUPS:
        return None
    answers, rows, hits, guessed, there = _draw_sums(sums, seed).T  # (draws,) each
    return Intervals(
        accuracy=_percentiles(answers / rows),
        precision=_percentiles(hits / np.maximum(guessed, 1)),
        recall=_percentiles(hits / np.maximum(there, 1)),
        f1=_percentiles(2 * hits / np.maximum(guessed + there, 1)),
        macro_f1=_jackknife(gold, predicted, counted, groups),
    )


def f1_interval(
    gold: NDArray[np.int64], predicted: NDArray[np.int64], counted: NDArray[np.bool_], groups: Groups, seed: int = 0
) -> Interval | None:
    """Return the 95% interval of micro F1 over the `counted` relations alone; arguments as above.

    None too where the groups are all right or all wrong, of which an interval would have no width and say nothing.
    """
    sums = sum_groups(groups, (gold == predicted) & counted[gold], counted[predicted], counted[gold])
    if len(sums) < FEWEST_GROUPS:
        return None
    hits, guessed, there = _draw_sums(sums, seed).T
    low, high = _percentiles(2 * hits / np.maximum(guessed + there, 1))
    return (low, high) if low < high else None


def _draw_sums(sums: Floats64, seed: int) -> Floats64:
    """Draw as many groups as there are, again and again, and sum what each draw has: (G, C) -> (draws, C)."""
    groups, generator = len(sums), np.random.default_rng(seed)
    at_once = max(1, min(_DRAWS, _CELLS // groups))
    parts = []
    for start in range(0, _DRAWS, at_once):
        draws = min(at_once, _DRAWS - start)
        places = generator.integers(0, groups, (draws, groups)) + groups * np.arange(draws)[:, None]
        times = np.bincount(places.ravel(), minlength=draws * groups).reshape(draws, groups)  # of each group
        parts.append(times.astype(np.float64) @ sums)
    return np.concatenate(parts)


def _percentiles(figures: Floats64) -> Interval:
    low, high = np.quantile(figures, _ENDS)
    return float(low), float(high)


def _jackknife(
    gold: NDArray[np.int64], predicted: NDArray[np.int64], counted: NDArray[np.bool_], groups: Groups
) -> Interval:
    """Take macro F1 with all groups and without each of them to an interval by Student's t."""
    ids = np.flatnonzero(counted).tolist()
    if not ids:
        return 0.0, 0.0
    hits = sum_groups(groups, *((gold == number) & (predicted == number) for number in ids))  # (G, R), as the others
    both = sum_groups(groups, *((gold == number) * 1 + (predicted == number) for number in ids))
    there = sum_groups(groups, *(gold == number for number in ids))
    totals = [counts.sum(0, keepdims=True) for counts in (hits, both, there)]
    figure = float(_macro(*totals)[0])
    without = _macro(*(total - counts for total, counts in zip(totals, (hits, both, there), strict=True)))  # (G,)
    count = len(without)
    error = np.sqrt(np.square(without - without.mean()).sum() * (count - 1) / count)
    reach = float(stdtrit(count - 1, _ENDS[1]) * error)
    return max(0.0, figure - reach), min(1.0, figure + reach)


def _macro(hits: Floats64, both: Floats64, there: Floats64) -> Floats64:
    """Mean F1 over the relations with a gold row (F1 is 0 without): (N, R) hits, both sides, gold rows -> (N,)."""
    figures: Floats64 = (2 * hits / np.maximum(both, 1)).sum(1) / np.maximum((there > 0).sum(1), 1)
    return figures
