"""What a signal gives away, and what that is called."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Level = Literal["leak", "suspicious", "no leak"]

P_VALUE = 0.01
"""Largest corrected p-value at which chance is ruled out."""

LEAK, SUSPICIOUS = 0.5, 0.25
"""Smallest effect, in [0, 1], that is called so."""

TOO_GOOD = 0.75
"""Smallest effect at which content that names the relation is suspicious. Of MNRE's test rows with a relation,
captions of the photos have 0.14 and 0.18, pairs of types that a model predicted 0.54, those of the relations 0.84."""

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

    @property
    def unsure(self) -> bool:
        """Whether the effect is that of a leak, and chance is not ruled out."""
        return self.p_value >= P_VALUE and self.effect >= LEAK


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
        """The worse of both; content that names the relation is at most suspicious, where it does so too well."""
        levels = [told.level for told in (self.there, self.which) if told is not None]
        if self.content and self.which is not None:
            too_good = self.which.level == "leak" and self.which.effect >= TOO_GOOD
            levels[-1] = "suspicious" if too_good else "no leak"
        return worst(levels)

    @property
    def effect(self) -> float:
        """The larger effect of both, of those that chance does not explain; 0 where it explains them."""
        told = [answer for answer in (self.there, self.which) if answer is not None]
        return max((answer.effect for answer in told if answer.level != "no leak"), default=0.0)

    @property
    def unsure(self) -> bool:
        """Whether it may be a leak that there are too few rows to tell from chance."""
        names = self.which is not None and self.which.unsure and (not self.content or self.which.effect >= TOO_GOOD)
        return names or (self.there is not None and self.there.unsure)


@dataclass(frozen=True, slots=True)
class Baseline:
    """What the most frequent relation scores as the answer to every row."""

    answer: str
    accuracy: float
    f1: float


def worst(levels: Sequence[Level]) -> Level:
    """The worst of some."""
    return max(levels, key=LEVELS.index, default="no leak")
