"""What a signal gives away, and what that is called."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Level = Literal["leak", "suspicious", "no leak"]

P_VALUE = 0.01
"""Largest corrected p-value at which chance is ruled out."""

LEAK, SUSPICIOUS = 0.5, 0.25
"""Smallest effect, in [0, 1], that is called so."""

LEVELS: tuple[Level, ...] = ("no leak", "suspicious", "leak")


@dataclass(frozen=True, slots=True)
class Told:
    """How well a signal answers one question.

    Args:
        accuracy: Of the rule, over the rows that the question is about.
        baseline: Of the answer that most of these rows have.
        effect: 0 where it tells nothing, 1 where it tells all. Whether there is a relation: twice the AUC of the rule's
            evidence, less one. Which relation: the share of the baseline's errors that the rule does not make. Below 0
            where the rule does worse.
        p_value: How often chance alone does as well, corrected for the number of questions asked (Holm).
    """

    accuracy: float
    baseline: float
    effect: float
    p_value: float

    @property
    def level(self) -> Level:
        """What it is called: chance must be ruled out, and the effect must be large enough to matter."""
        if self.p_value >= P_VALUE or self.effect < SUSPICIOUS:
            return "no leak"
        return "leak" if self.effect >= LEAK else "suspicious"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one signal gives away.

    Args:
        signal: Its name.
        fitted_on: The rows that the rule was learned from.
        values: Different values on the scored rows.
        accuracy: Of the rule over all scored rows.
        f1: Micro F1 without the negative relation, likewise.
        there: Whether there is a relation; None where the data set has no negative relation.
        which: Which relation, of the rows that have one.
        content: Whether the signal may rightly go with the relation (see `Signal`).
    """

    signal: str
    fitted_on: str
    values: int
    accuracy: float
    f1: float
    there: Told | None
    which: Told | None
    content: bool

    @property
    def level(self) -> Level:
        """The worse of both; what may rightly name the relation is looked at again where it does so well, no more."""
        there, which = (told.level if told is not None else "no leak" for told in (self.there, self.which))
        if self.content:
            which = "suspicious" if which == "leak" else "no leak"
        return worst([there, which])


@dataclass(frozen=True, slots=True)
class Baseline:
    """What the most frequent relation scores as the answer to every row."""

    answer: str
    accuracy: float
    f1: float


def worst(levels: Sequence[Level]) -> Level:
    """The worst of some."""
    return max(levels, key=LEVELS.index, default="no leak")
