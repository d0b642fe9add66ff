"""What photos, objects and captions did for the predictions of a split, on the mean."""

from collections.abc import Mapping
from typing import Any

from dgf.workflows.scoring.answers import Floats, Predictions

_WHAT = {"photo": "the photo", "objects": "the object that did most", "caption": "the caption"}


def summarize_effects(predictions: Predictions) -> dict[str, Any] | None:
    """Sum up the effects that were measured, for the report; None where none were.

    Of the objects of a row the one with the largest effect counts; rows on which masking changed nothing, or had
    nothing to mask, are left out. Effects are differences of natural log-probabilities of the predicted relation,
    right or not.
    """
    columns: dict[str, Floats | None] = {"photo": predictions.photo, "caption": predictions.caption}
    if predictions.objects is not None:
        most = abs(predictions.objects).argmax(axis=1)
        columns["objects"] = predictions.objects[range(len(most)), most]
    measured = {name: values[values != 0] for name, values in columns.items() if values is not None}
    summary = {
        name: {
            "rows": len(values),
            "mean": float(values.mean()),
            "mean_size": float(abs(values).mean()),
            "share_for": float((values > 0).mean()),
        }
        for name, values in measured.items()
        if len(values)
    }
    return summary or None


def effects_table(summary: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Lay the summary out for the terminal."""
    lines = ["what the log-probability of the predicted relation owes to", f"{'':<32}{'mean':>8}{'size':>8}{'rows':>7}"]
    for name in (name for name in _WHAT if name in summary):
        figures = summary[name]
        lines.append(f"{_WHAT[name]:<32}{figures['mean']:8.3f}{figures['mean_size']:8.3f}{figures['rows']:7.0f}")
    return lines
