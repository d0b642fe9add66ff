"""Whether two systems differ beyond what their seeds and the rows of a split leave to chance."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from dgf.workflows.scoring.groups import Groups, sum_groups
from dgf.workflows.scoring.intervals import FEWEST_GROUPS, Floats64, Interval

FEWEST_RUNS = 3
"""Runs of each system below which no p-value is given: one pair of runs says more of its seeds than of the systems."""

COMPARED_BY = "t-test over runs and groups of rows (those of one sentence or photo), paired over the groups"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Mean micro F1 of one system less that of another over the same rows, and how often chance alone gives as much.

    Args:
        runs: Of each system.
        difference: In [-1, 1].
        p_value: Two-sided; None with fewer than three runs of each, or of twenty groups of rows.
        interval: 95%, of the difference that other seeds would have on other rows; None likewise.
    """

    runs: int
    difference: float
    p_value: float | None
    interval: Interval | None


@dataclass(frozen=True, slots=True)
class _System:
    """Micro F1 of S runs, (S,), and by how much each of G groups of rows moves it, (S, G)."""

    f1: Floats64
    moves: Floats64

    @property
    def of_runs(self) -> float:
        """Variance of the mean F1 over the runs, as other seeds would have it on these rows."""
        return float(self.f1.var(ddof=1)) / len(self.f1)

    @property
    def of_chance(self) -> float:
        """The part of it that comes of each run's chance in each group, which `of_groups` has in it too."""
        return float(self.moves.var(axis=0, ddof=1).sum()) / len(self.f1)


def compare(
    gold: NDArray[np.int64],
    ours: Sequence[NDArray[np.int64]],
    others: Sequence[NDArray[np.int64]],
    none: int | None,
    groups: Groups,
) -> Comparison:
    """Compare two systems whose runs answered the same rows.

    Two things are drawn by chance: the seeds, and the posts of the split, in groups. The squared error of the
    difference is therefore that over runs, plus that over groups of the difference in what they say on average, less
    what the second counts of the first; the difference over its error is taken to Student's t, with degrees of freedom
    after Satterthwaite. It is the analysis of several readers and several cases (Obuchowski and Rockette, 1995; Hillis,
    2007) with each system's runs as its own readers. Seeds of the two systems are not paired, since the same seed makes
    no two networks alike; they are taken to scatter alike.

    A test that only permutes rows takes the seeds that were run for all there are: where runs scatter by 1 F1 it
    finds a difference between systems that are alike in one case of five.

    Args:
        gold: (n,) relation ids.
        ours: (n,) predicted ids of each run of the first system.
        others: Of each run of the second, as many.
        none: Id of the relation that micro F1 leaves out; None where every relation counts.
        groups: (n,) which group each row is of.

    Raises:
        ValueError: The systems have different numbers of runs, or none.
    """
    if len(ours) != len(others) or not ours:
        raise ValueError(f"as many runs of each system are needed: {len(ours)}, {len(others)}")
    first, second = (_system(gold, runs, none, groups) for runs in (ours, others))
    difference = float(first.f1.mean() - second.f1.mean())
    if len(ours) < FEWEST_RUNS or first.moves.shape[1] < FEWEST_GROUPS:
        return Comparison(len(ours), difference, None, None)
    apart = first.moves.mean(0) - second.moves.mean(0)  # (G,)
    of_runs = first.of_runs + second.of_runs
    error, freedom = _combine(of_runs, apart, first.of_chance + second.of_chance, 2 * (len(ours) - 1))
    p_value = 2 * float(stdtr(freedom, -abs(difference) / error)) if error else 1.0
    return Comparison(len(ours), difference, p_value, _around(difference, error, freedom))


def mean_interval(
    gold: NDArray[np.int64], runs: Sequence[NDArray[np.int64]], none: int | None, groups: Groups
) -> Interval | None:
    """Return the 95% interval of a system's mean micro F1, over other seeds and other rows; None below three runs."""
    if len(runs) < FEWEST_RUNS:
        return None
    system = _system(gold, runs, none, groups)
    if system.moves.shape[1] < FEWEST_GROUPS:
        return None
    error, freedom = _combine(system.of_runs, system.moves.mean(0), system.of_chance, len(runs) - 1)
    low, high = _around(float(system.f1.mean()), error, freedom)
    return max(0.0, low), min(1.0, high)


def _system(gold: NDArray[np.int64], runs: Sequence[NDArray[np.int64]], none: int | None, groups: Groups) -> _System:
    """Take F1 = 2 hits / (rows given or gold) of each run apart into what each group does to it, to first order."""
    positive = gold != none  # (n,), all of them where no relation is left out
    hits = 2 * sum_groups(groups, *((run == gold) & positive for run in runs)).T  # (S, G)
    both = sum_groups(groups, *((run != none) * 1 + positive for run in runs)).T
    whole = np.maximum(both.sum(1), 1)
    f1 = hits.sum(1) / whole
    return _System(f1, (hits - f1[:, None] * both) / whole[:, None])


def _combine(of_runs: float, moves: Floats64, of_chance: float, freedom: int) -> tuple[float, float]:
    """Return the error over runs and groups, and its degrees of freedom: those of the runs, where they decide it."""
    many = len(moves) / max(len(moves) - 1, 1)
    of_groups = max(0.0, many * (float(np.square(moves).sum()) - of_chance))
    variance = of_runs + of_groups
    return float(np.sqrt(variance)), freedom * (variance / of_runs) ** 2 if of_runs else np.inf


def _around(figure: float, error: float, freedom: float) -> Interval:
    reach = float(stdtrit(min(freedom, 1e6), 0.975)) * error
    return figure - reach, figure + reach
