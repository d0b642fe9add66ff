import numpy as np
import pytest

from dgf.workflows.scoring import Predictions, summarize_effects

LOG_PROBS = np.zeros((3, 2), np.float32)


def test_effects_are_summed_up_over_the_rows_that_have_them() -> None:
    photo = np.array([1.0, 0.0, -0.5], np.float32)
    objects = np.array([[0.1, -0.4], [0.0, 0.0], [0.2, 0.0]], np.float32)
    summary = summarize_effects(
        Predictions(LOG_PROBS, photo=photo, objects=objects, caption=np.zeros(3, np.float32)),
    )
    assert summary is not None and summary.keys() == {"photo", "objects"}
    assert summary["photo"] == pytest.approx({"rows": 2, "mean": 0.25, "mean_size": 0.75, "share_for": 0.5})
    assert summary["objects"] == pytest.approx({"rows": 2, "mean": -0.1, "mean_size": 0.3, "share_for": 0.5})


def test_what_was_not_measured_is_not_summed_up() -> None:
    assert summarize_effects(Predictions(LOG_PROBS)) is None
    assert summarize_effects(Predictions(LOG_PROBS, photo=np.zeros(3, np.float32))) is None
