"""Whether a prediction of 80% is right in 80% of the cases."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BINS = 10
"""Of equal width over [0, 1], as reliability diagrams usually have them; bins without a row are left out."""


@dataclass(frozen=True, slots=True)
class Bin:
    """Rows whose predicted relation has a probability in (low, high]: the mean of it, and the share that is right."""

    low: float
    high: float
    rows: int
    confidence: float
    accuracy: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """How far probabilities are from frequencies.

    Args:
        error: Expected calibration error (ECE): the mean over rows of the distance between confidence and accuracy of
            the row's bin, in [0, 1].
        brier: Mean over rows of the squared distances of all relations' probabilities from 1 for the gold relation and
            0 for the others, summed: Brier's own score, in [0, 2].
        bins: Of the predicted relation's probability, from low to high.
    """

    error: float
    brier: float
    bins: tuple[Bin, ...]


def calibrate(gold: NDArray[np.int64], log_probs: NDArray[np.floating]) -> Calibration:
    """Compare the probabilities of (n, R) relations with the (n,) gold ones."""
    probabilities = np.exp(log_probs.astype(np.float64))
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == gold
    numbers = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)
    bins = tuple(
        Bin(n / BINS, (n + 1) / BINS, int(inside.sum()), float(confidence[inside].mean()), float(right[inside].mean()))
        for n in range(BINS)
        if (inside := numbers == n).any()
    )
    apart = probabilities - (np.arange(probabilities.shape[1]) == gold[:, None])
    return Calibration(
        error=sum(b.rows * abs(b.confidence - b.accuracy) for b in bins) / len(gold),
        brier=float(np.square(apart).sum(axis=1).mean()),
        bins=bins,
    )
