import numpy as np
import pytest
from sklearn.metrics import brier_score_loss

from dgf.workflows.scoring import calibrate


def answers(confidence: list[float], right: list[bool]) -> tuple[np.ndarray, np.ndarray]:
    """Gold relations and log-probabilities of three relations, of which the second is the predicted one."""
    rows = [[(1 - p) / 4, p, 3 * (1 - p) / 4] for p in confidence]
    return np.where(right, 1, 2), np.log(np.array(rows))


def test_bins_hold_the_rows_of_their_confidence_and_the_share_that_is_right() -> None:
    found = calibrate(*answers([0.95, 0.91, 0.85, 0.55], [True, False, True, False]))
    assert [(b.low, b.high, b.rows, b.accuracy) for b in found.bins] == [
        (0.5, 0.6, 1, 0.0), (0.8, 0.9, 1, 1.0), (0.9, 1.0, 2, 0.5),
    ]  # fmt: skip
    assert [b.confidence for b in found.bins] == pytest.approx([0.55, 0.85, 0.93])
    assert found.error == pytest.approx((0.55 + 0.15 + 2 * 0.43) / 4)


def test_a_certain_prediction_falls_into_the_last_bin() -> None:
    found = calibrate(np.array([0]), np.array([[0.0, -np.inf]]))
    assert [(b.low, b.rows) for b in found.bins] == [(0.9, 1)] and found.error == found.brier == 0


def test_probabilities_that_are_frequencies_have_no_error() -> None:
    generator = np.random.default_rng(0)
    confidence = generator.uniform(0.76, 1, 40_000)  # the first relation is the predicted one in all rows
    right = generator.random(40_000) < confidence
    assert calibrate(*answers(confidence.tolist(), right.tolist())).error < 0.01
    assert calibrate(*answers(confidence.tolist(), (right & (generator.random(40_000) < 0.5)).tolist())).error > 0.3


def test_briers_score_is_that_of_scikit_learn() -> None:
    generator = np.random.default_rng(1)
    probabilities = generator.dirichlet(np.ones(4), 50)
    gold = generator.integers(0, 4, 50)
    expected = brier_score_loss(gold, probabilities, labels=[0, 1, 2, 3], scale_by_half=False)
    assert calibrate(gold, np.log(probabilities)).brier == pytest.approx(expected, abs=1e-12)
