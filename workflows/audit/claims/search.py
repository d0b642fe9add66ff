"""Every confusion matrix that printed figures allow, found by going through whole numbers of rows."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

from dgf.workflows.audit.claims.figures import Printed, SplitCounts


@dataclass(frozen=True, slots=True)
class Stretch:
    """Matrices with one number of right and one of predicted relations: `correct` goes from `low` to `high`."""

    right: int
    predicted: int
    low: int
    high: int

    @property
    def solutions(self) -> int:
        """How many matrices these are."""
        return self.high - self.low + 1


def find_stretches(printed: Mapping[str, Printed], counts: SplitCounts) -> Iterator[Stretch]:
    """Every number of right and of predicted relations that goes with the figures."""
    accuracy, rows = printed.get("accuracy"), counts.rows
    least, most = (0, rows) if accuracy is None else (ceil(accuracy.low * rows), floor(accuracy.high * rows))
    if least > most:
        return
    for right in right_counts(printed.get("recall"), counts):
        for predicted in _predictions(right, printed.get("precision"), printed.get("f1"), counts):
            low, high = _correct(right, predicted, counts)
            low, high = max(low, least), min(high, most)
            if low <= high:
                yield Stretch(right, predicted, low, high)


def right_counts(recall: Printed | None, counts: SplitCounts) -> range:
    """How many relations may have been named rightly."""
    if recall is None:
        return range(counts.positives + 1)
    return range(ceil(recall.low * counts.positives), floor(recall.high * counts.positives) + 1)


def _predictions(right: int, precision: Printed | None, f1: Printed | None, counts: SplitCounts) -> range:
    """How many rows may have been given a relation, where so many were right."""
    low, high = right, counts.rows
    if right == 0:  # then precision and F1 are 0 (also where nothing was predicted, by convention)
        allowed = all(figure is None or figure.low == 0 for figure in (precision, f1))
        return range(high + 1) if allowed else range(0)
    for figure, more in ((precision, 0), (f1, counts.positives)):
        if figure is None:
            continue
        times = right if more == 0 else 2 * right  # figure = times / (predicted + more)
        low = max(low, ceil(times / figure.high) - more) if figure.high else counts.rows + 1
        if figure.low:
            high = min(high, floor(times / figure.low) - more)
    return range(low, high + 1)


def _correct(right: int, predicted: int, counts: SplitCounts) -> tuple[int, int]:
    """Fewest and most correct rows: wrong predictions fall on rows without a relation, or on others with one."""
    wrong = predicted - right
    most = right + counts.negatives - max(0, wrong - (counts.positives - right))
    return right + max(0, counts.negatives - wrong), most


def accuracy_between(printed: Mapping[str, Printed], counts: SplitCounts) -> tuple[float, float] | None:
    """Between which shares the accuracy lies, by precision and recall as printed.

    Over whole rows where some have both figures; else over shares of rows, so that figures of a mean over runs, or
    rounded in another way, are not ruled out by a fraction of a row.
    """
    if "precision" not in printed or "recall" not in printed:
        return None
    both = {name: printed[name] for name in ("precision", "recall")}
    ends = [(stretch.low, stretch.high) for stretch in find_stretches(both, counts)]
    if ends:
        return min(low for low, _ in ends) / counts.rows, max(high for _, high in ends) / counts.rows
    lows, highs = [], []
    for precision in (both["precision"].low, both["precision"].high):
        if not precision:
            return None
        # linear in between, but for the bend of the highest where every row with a relation is given one
        rights = {share * counts.positives for share in (both["recall"].low, both["recall"].high)}
        bend = precision * counts.positives
        rights |= {bend} if min(rights) <= bend <= max(rights) else set()
        for right in rights:
            predicted = right / precision
            if predicted > counts.rows:
                continue
            wrong = predicted - right
            lows.append(right + max(Fraction(0), counts.negatives - wrong))
            highs.append(right + counts.negatives - max(Fraction(0), wrong - (counts.positives - right)))
    return (float(min(lows) / counts.rows), float(max(highs) / counts.rows)) if lows else None
