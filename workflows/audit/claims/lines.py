"""What a check of claims looks like on a terminal."""

from collections.abc import Iterator

from dgf.workflows.audit.claims.feasibility import Feasibility
from dgf.workflows.audit.claims.figures import NAMES


def claim_lines(found: Feasibility) -> Iterator[str]:
    """Whether figures are possible, what the matrix must be, or what contradicts."""
    counts = found.counts
    shown = ", ".join(f"{NAMES[name]} {text}" for name, text in found.figures.items())
    yield f"{shown} on {counts.rows} rows, {counts.positives} with a relation and {counts.negatives} without"
    if not found.possible:
        yield from (f"  {reason}" for reason in found.reasons)
    elif found.solutions == 1:
        [one] = found.matrices
        yield f"  right relation     {one.right:>6} of {one.predicted} predicted and {counts.positives} there"
        yield f"  false alarms       {one.false_alarms:>6} on the {counts.negatives} rows without a relation"
        yield f"  another relation   {one.confused:>6}"
        yield f"  missed             {one.missed:>6}"
        yield f"  correct rows       {one.correct:>6} of {counts.rows} (accuracy {100 * one.correct / counts.rows:.2f})"
    else:
        labels = {
            "right": "right relation",
            "predicted": "predicted",
            "false_alarms": "false alarms",
            "confused": "another relation",
            "missed": "missed",
            "correct": "correct rows",
        }
        for name, label in labels.items():
            least, most = found.ranges[name]
            yield f"  {label:<18} {least:>6}" + (f" to {most}" if most > least else "")
    if found.accuracy is not None and "accuracy" not in found.figures:
        low, high = found.accuracy
        yield f"  with such a P and R the accuracy lies from {100 * low:.2f} to {100 * high:.2f}"
    yield ""
    yield f"verdict: {_outcome(found)}"


def _outcome(found: Feasibility) -> str:
    if not found.possible:
        return "no confusion matrix has these figures"
    if found.solutions == 1:
        return "possible, and exactly one confusion matrix has these figures"
    return f"possible: {found.solutions} confusion matrices have these figures"
