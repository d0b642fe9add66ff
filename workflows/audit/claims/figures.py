"""Figures as they stand in print, and what they see of a split and of a confusion matrix."""

from dataclasses import dataclass
from fractions import Fraction

from dgf.pipeline.errors import UserError

NAMES = {"precision": "P", "recall": "R", "accuracy": "ACC", "f1": "F1"}
"""What figures are called in print."""


@dataclass(frozen=True, slots=True)
class SplitCounts:
    """What a split holds: its rows, and those of them that have a relation (that is not the negative one)."""

    rows: int
    positives: int

    @property
    def negatives(self) -> int:
        """Rows without a relation."""
        return self.rows - self.positives


MNRE_TEST = SplitCounts(1614, 640)
"""The test split of MNRE: what is meant where no split is given."""


@dataclass(frozen=True, slots=True)
class Printed:
    """A figure as it stands in print: every share from `low` to `high` is rounded to it."""

    text: str
    low: Fraction
    high: Fraction

    @property
    def places(self) -> int:
        """Decimals that shares are shown with beside it."""
        return max(2, len(self.text.partition(".")[2]))

    @classmethod
    def parse(cls, text: str, name: str) -> "Printed":
        """Read a percentage; it counts as rounded to the decimals that it has.

        Raises:
            UserError: It is no number from 0 to 100.
        """
        plain = text.strip().removesuffix("%").strip()
        whole, _, decimals = plain.partition(".")
        if not (plain.isascii() and (whole + decimals).isdigit() and len(plain) <= 20):
            raise UserError(f"{name}: {text!r} is not a percentage", "Give it as it is printed, such as 84.35.")
        value, half = Fraction(plain), Fraction(1, 2 * 10 ** len(decimals))
        if value > 100:
            raise UserError(f"{name}: {text} is more than 100 percent", "Give a percentage, such as 84.35.")
        return cls(plain, max(value - half, Fraction(0)) / 100, min(value + half, Fraction(100)) / 100)

    def holds(self, share: Fraction) -> bool:
        """Whether a share is rounded to this figure."""
        return self.low <= share <= self.high


@dataclass(frozen=True, slots=True)
class Matrix:
    """What precision, recall and accuracy see of a confusion matrix.

    Args:
        right: Rows whose relation was named (true positives).
        predicted: Rows that were given any relation.
        correct: Rows whose answer is right, those without a relation among them.
        false_alarms: Rows without a relation that were given one.
        confused: Rows with a relation that were given another one.
        missed: Rows with a relation that were given none.
    """

    right: int
    predicted: int
    correct: int
    false_alarms: int
    confused: int
    missed: int

    @classmethod
    def of(cls, right: int, predicted: int, correct: int, counts: SplitCounts) -> "Matrix":
        """Fill in what three counts decide."""
        false_alarms = counts.negatives - (correct - right)
        confused = predicted - right - false_alarms
        return cls(right, predicted, correct, false_alarms, confused, counts.positives - right - confused)
