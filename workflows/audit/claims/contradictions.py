"""Which printed figures cannot stand beside one another, and why."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from math import floor

from dgf.workflows.audit.claims.figures import NAMES, Printed, SplitCounts
from dgf.workflows.audit.claims.search import accuracy_between, find_stretches, right_counts


def find_contradictions(printed: Mapping[str, Printed], counts: SplitCounts) -> Iterator[tuple[str, ...]]:
    """The smallest sets of figures that cannot stand beside one another."""
    found: list[frozenset[str]] = []
    for size in range(1, len(printed) + 1):
        for names in combinations(printed, size):
            if any(smaller <= set(names) for smaller in found):
                continue
            if not any(True for _ in find_stretches({name: printed[name] for name in names}, counts)):
                found.append(frozenset(names))
                yield names


def explain_contradictions(
    wrong: tuple[tuple[str, ...], ...], printed: Mapping[str, Printed], counts: SplitCounts
) -> Iterator[str]:
    """Say why there is no matrix: for each smallest set of figures, and by what holds for any split."""
    told: set[frozenset[str]] = set()

    def shown(names: Sequence[str]) -> str:
        told.add(frozenset(names))
        return ", ".join(f"{NAMES[name]} {printed[name].text}" for name in names)

    # one figure alone, or precision beside recall: the nearest that a whole number of rows gives
    for names in wrong:
        if names in (("recall",), ("accuracy",)):
            of = counts.positives if names == ("recall",) else counts.rows
            yield f"{shown(names)}: {_neighbors(printed[names[0]], of)}"
        elif names == ("precision", "recall"):
            yield f"{shown(names)}: {_predicted_neighbors(printed, counts)}"

    # whatever the rows: F1 follows from precision and recall, and the accuracy lies between two ends
    if {"precision", "recall", "f1"} <= printed.keys():
        low, high = (_harmonic(printed, end) for end in ("low", "high"))
        if high < printed["f1"].low or low > printed["f1"].high:
            made = f"F1 is their harmonic mean, from {_percent(low)} to {_percent(high)}"
            yield f"{shown(('precision', 'recall', 'f1'))}: {made}"
    if "accuracy" in printed and (between := accuracy_between(printed, counts)) is not None:
        low, high = between
        if high < printed["accuracy"].low or low > printed["accuracy"].high:
            made = f"with this P and R the accuracy lies from {_percent(low)} to {_percent(high)}"
            yield f"{shown(('precision', 'recall', 'accuracy'))}: {made}"

    # the rest, found by going through all counts
    for names in wrong:
        if frozenset(names) not in told:
            rows = f"{counts.rows} rows, {counts.positives} of them with a relation"
            yield f"{shown(names)}: no matrix of {rows}, has them together"


def _neighbors(figure: Printed, of: int) -> str:
    """The two nearest shares of so many rows."""
    below = floor(figure.low * of)
    return " and ".join(f"{n} of {of} is {_percent(n / of, figure.places)}" for n in (below, below + 1) if n <= of)


def _predicted_neighbors(printed: Mapping[str, Printed], counts: SplitCounts) -> str:
    """The nearest precisions that go with the recall."""
    said, places = [], printed["precision"].places
    for right in right_counts(printed["recall"], counts):
        fewest = floor(right / printed["precision"].high) if printed["precision"].high else counts.rows
        near = [n for n in (fewest, fewest + 1) if max(right, 1) <= n <= counts.rows]
        shares = " and ".join(f"{right} of {n} predicted is {_percent(right / n, places)}" for n in near)
        said.append(f"this R is {right} of {counts.positives} right, and {shares or 'no precision goes with it'}")
    return "; ".join(said)


def _harmonic(printed: Mapping[str, Printed], end: str) -> float:
    precision, recall = (getattr(printed[name], end) for name in ("precision", "recall"))
    return float(2 * precision * recall / (precision + recall)) if precision + recall else 0.0


def _percent(share: float, places: int = 2) -> str:
    return f"{100 * share:.{places}f}"
