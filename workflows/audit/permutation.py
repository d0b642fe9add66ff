"""How often chance alone does as well: labels exchanged between groups of rows that belong together."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from dgf.workflows.audit.rules import Ids

DRAWS = 9_999
_CELLS = 4_000_000
"""Most entries of the draws that are held at once."""


def draw_orders(groups: Ids, rng: np.random.Generator, draws: int = DRAWS) -> Iterator[Ids]:
    """Yield orders of n rows, (some draws, n) at a time, in which whole groups have changed places.

    Groups of one size change places with one another, so that rows that belong together stay together. A group that
    has a size of its own stays where it is.
    """
    order = np.argsort(groups, kind="stable")
    starts = np.flatnonzero(np.diff(groups[order], prepend=-1))
    sizes = np.diff(np.append(starts, len(groups)))
    members = {  # size -> (groups, size) rows
        size: order[starts[sizes == size][:, None] + np.arange(size)] for size in np.unique(sizes).tolist()
    }
    at_once = max(1, _CELLS // max(1, len(groups)))
    for done in range(0, draws, at_once):
        count = min(at_once, draws - done)
        drawn = np.empty((count, len(groups)), dtype=np.int64)
        for rows in members.values():
            places = rng.permuted(np.tile(np.arange(len(rows)), (count, 1)), axis=1)  # (count, groups)
            drawn[:, rows.ravel()] = rows[places].reshape(count, -1)
        yield drawn


@dataclass(frozen=True, slots=True)
class Chance:
    """How often drawn labels did as well as the real ones."""

    as_good: int = 0
    draws: int = 0

    @property
    def p_value(self) -> float:
        """One-sided; the real labels count as one draw."""
        return (self.as_good + 1) / (self.draws + 1)


def holm(p_values: Sequence[float]) -> list[float]:
    """Correct p-values for their number (Holm, 1979)."""
    corrected, largest = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(np.argsort(p_values, kind="stable").tolist()):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[place]))
        corrected[place] = largest
    return corrected
