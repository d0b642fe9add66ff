"""Whether printed figures can come from one confusion matrix, and what that matrix must then be."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from fractions import Fraction
from typing import Any

from dgf.pipeline.errors import UserError
from dgf.workflows.audit.claims.contradictions import explain_contradictions, find_contradictions
from dgf.workflows.audit.claims.figures import MNRE_TEST, NAMES, Matrix, Printed, SplitCounts
from dgf.workflows.audit.claims.search import Stretch, accuracy_between, find_stretches

_MOST_LISTED = 20


@dataclass(frozen=True, slots=True)
class Feasibility:
    """Whether figures can stand beside one another.

    Args:
        counts: Of the split.
        figures: As printed, by name.
        solutions: How many matrices have them (matrices that differ only in which relation is confused with which count
            once).
        matrices: These, or the first of them.
        ranges: From and to, over all of them, by what `Matrix` calls it.
        contradictions: Each a smallest set of figures that no matrix has; empty where there are solutions.
        reasons: Why, in sentences: for each of these, and by what holds for any split.
        accuracy: Between which shares the accuracy lies wherever precision and recall are what is printed; None where
            one of them was not given.
    """

    counts: SplitCounts
    figures: Mapping[str, str]
    solutions: int
    matrices: tuple[Matrix, ...]
    ranges: Mapping[str, tuple[int, int]]
    contradictions: tuple[tuple[str, ...], ...]
    reasons: tuple[str, ...]
    accuracy: tuple[float, float] | None

    @property
    def possible(self) -> bool:
        """Whether there is a solution."""
        return self.solutions > 0

    def to_json(self) -> dict[str, Any]:
        """Return everything, as JSON values."""
        return {"possible": self.possible, **asdict(self)}


def check_claims(figures: Mapping[str, str], counts: SplitCounts = MNRE_TEST) -> Feasibility:
    """Look for confusion matrices that have the printed figures, over every count that could matter.

    Precision, recall and F1 are micro figures that leave out the negative relation, accuracy is over all rows.

    Args:
        figures: Percentages as printed, by `precision`, `recall`, `accuracy`, `f1`; one at least.
        counts: Of the split that they are of.

    Raises:
        UserError: A figure is no percentage, or the counts make no split.
    """
    if not 0 < counts.positives <= counts.rows:
        raise UserError(
            f"{counts.positives} rows with a relation of {counts.rows}: not a split that can be scored",
            "Give --rows and --positives, the rows that have a relation.",
        )
    printed = {name: Printed.parse(text, NAMES[name]) for name, text in figures.items()}
    if all(figure.high <= Fraction(1, 100) and "." in figure.text for figure in printed.values()):
        raise UserError("the figures are shares, not percentages", "Give percentages, such as 84.35 for 0.8435.")
    stretches = list(find_stretches(printed, counts))
    solutions = sum(stretch.solutions for stretch in stretches)
    wrong = () if solutions else tuple(find_contradictions(printed, counts))
    return Feasibility(
        counts=counts,
        figures={name: figure.text for name, figure in printed.items()},
        solutions=solutions,
        matrices=tuple(_first(stretches, counts)),
        ranges=_ranges(stretches, counts),
        contradictions=wrong,
        reasons=tuple(explain_contradictions(wrong, printed, counts)) if wrong else (),
        accuracy=accuracy_between(printed, counts),
    )


def _first(stretches: list[Stretch], counts: SplitCounts) -> Iterator[Matrix]:
    left = _MOST_LISTED
    for stretch in stretches:
        for correct in range(stretch.low, min(stretch.high + 1, stretch.low + left)):
            yield Matrix.of(stretch.right, stretch.predicted, correct, counts)
            left -= 1
        if not left:
            return


def _ranges(stretches: list[Stretch], counts: SplitCounts) -> dict[str, tuple[int, int]]:
    """The least and the most of each count; each is linear in `correct`, so the ends of the stretches decide."""
    ends = [
        Matrix.of(stretch.right, stretch.predicted, correct, counts)
        for stretch in stretches
        for correct in (stretch.low, stretch.high)
    ]
    values = {field.name: [getattr(end, field.name) for end in ends] for field in fields(Matrix)} if ends else {}
    return {name: (min(found), max(found)) for name, found in values.items()}
