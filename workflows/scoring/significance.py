"""Whether two systems differ beyond what the rows of a split leave to chance."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FEWEST_RUNS = 3
"""Runs of each system below which no p-value is given: one pair of runs says more of its seeds than of the systems."""

_DRAWS = 10_000
_AT_ONCE = 500

Counts = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Mean micro F1 of one system less that of another over the same rows, and how often chance alone gives as much.

    Args:
        runs: Of each system.
        difference: In [-1, 1].
        p_value: Two-sided; None with fewer than three runs of each.
    """

    runs: int
    difference: float
    p_value: float | None


def compare(
    gold: NDArray[np.int64],
    ours: Sequence[NDArray[np.int64]],
    others: Sequence[NDArray[np.int64]],
    none: int | None,
    seed: int = 0,
) -> Comparison:
    """Compare two systems by a paired randomization test over rows.

    Were the systems alike, either could have given either's answers to a row: in each of 10,000 draws the answers to a
    random half of the rows change sides, those of all runs together. The p-value is the share of draws whose difference
    is at least as large as the real one. It tells these trained models apart, not what another seed would have given:
    that is the deviation over runs.

    Args:
        gold: (n,) relation ids.
        ours: (n,) predicted ids of each run of the first system.
        others: Of each run of the second, as many; runs at the same position have the same seed.
        none: Id of None, which micro F1 leaves out; None where every relation counts.
        seed: Of the draws.

    Raises:
        ValueError: The systems have different numbers of runs, or none.
    """
    if len(ours) != len(others) or not ours:
        raise ValueError(f"as many runs of each system are needed: {len(ours)}, {len(others)}")
    positive = gold != none  # (n,), all of them where no relation is left out
    first, second = (_counts(gold, positive, none, np.stack(runs)) for runs in (ours, others))  # (2, S, n) each
    real = _mean_f1(first.sum(-1), positive.sum()) - _mean_f1(second.sum(-1), positive.sum())
    if len(ours) < FEWEST_RUNS:
        return Comparison(len(ours), float(real), None)

    # in each draw a random set of rows changes sides
    generator, change, extreme = np.random.default_rng(seed), second - first, 0
    for _ in range(_DRAWS // _AT_ONCE):
        swapped = generator.integers(0, 2, (_AT_ONCE, len(gold))).astype(np.float64)  # (draws, n)
        moved = np.einsum("dn,csn->dcs", swapped, change, optimize=True)
        drawn = _mean_f1(first.sum(-1) + moved, positive.sum()) - _mean_f1(second.sum(-1) - moved, positive.sum())
        extreme += int((np.abs(drawn) >= abs(real) - 1e-12).sum())
    return Comparison(len(ours), float(real), (extreme + 1) / (_DRAWS + 1))


def _counts(gold: NDArray[np.int64], positive: NDArray[np.bool_], none: int | None, runs: NDArray[np.int64]) -> Counts:
    """Return (2, S, n): whether each answer is a right relation, and whether it is a relation at all."""
    return np.stack([(runs == gold) & positive, runs != none]).astype(np.float64)


def _mean_f1(sums: Counts, gold: np.integer) -> Counts:
    """Average micro F1 over runs: (..., 2, S) right and given relations, out of `gold` -> (...)."""
    right, given = sums[..., 0, :], sums[..., 1, :]
    f1: Counts = (2 * right / np.maximum(given + gold, 1)).mean(-1)
    return f1
