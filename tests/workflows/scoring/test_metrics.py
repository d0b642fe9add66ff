import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import precision_recall_fscore_support

from dgf.workflows.scoring import score

RELATIONS = ("None", "/per/per/peer", "/per/org/member_of", "/loc/loc/contain")
rows = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=40)


def test_figures_equal_those_of_the_public_scorer(shared_dir: Path) -> None:
    golden = json.loads((shared_dir / "golden" / "metrics_cases.json").read_text())
    assert len(golden["cases"]) == 30
    for case in golden["cases"]:
        ids = golden["rel2id"] if case["rel2id"] == "main" else case["rel2id"]
        relations = sorted(ids, key=ids.__getitem__)
        scores = score(case["gold"], case["pred"], relations, ids["None"])
        expected = case["expected"]
        assert abs(scores.accuracy - expected["acc"]) <= 1e-12, case["name"]
        assert abs(scores.precision - expected["micro_p"]) <= 1e-12, case["name"]
        assert abs(scores.recall - expected["micro_r"]) <= 1e-12, case["name"]
        assert abs(scores.f1 - expected["micro_f1"]) <= 1e-12, case["name"]


@given(rows)
def test_micro_figures_follow_their_definition(pairs: list[tuple[int, int]]) -> None:
    gold, predicted = np.array(pairs).T
    scores = score(gold, predicted, RELATIONS, none=0)
    hits = int(((gold == predicted) & (gold != 0)).sum())
    claimed, wanted = int((predicted != 0).sum()), int((gold != 0).sum())
    precision = hits / claimed if claimed else 0.0
    recall = hits / wanted if wanted else 0.0
    f1 = 2 * precision * recall / (precision + recall) if hits else 0.0
    assert (scores.precision, scores.recall, scores.f1) == pytest.approx((precision, recall, f1))
    assert scores.accuracy == pytest.approx(float((gold == predicted).mean()))


def test_a_relation_without_gold_rows_is_left_out_of_the_macro_mean() -> None:
    scores = score([1, 1, 0], [1, 2, 0], RELATIONS, none=0)
    assert scores.macro_relations == 1
    assert scores.macro_f1 == pytest.approx(scores.per_relation["/per/per/peer"].f1) == pytest.approx(2 / 3)


def test_a_false_positive_on_a_none_row_costs_precision() -> None:
    assert score([0, 1], [2, 1], RELATIONS, none=0).precision == 0.5


def test_bands_hold_the_relations_of_their_training_frequency() -> None:
    training = {"/per/per/peer": 960, "/per/org/member_of": 8, "/loc/loc/contain": 629}
    bands = score([1, 2, 3], [1, 2, 1], RELATIONS, none=0, training_rows=training).by_training_rows
    assert [(b.training_rows, b.relations, b.support) for b in bands] == [("0-9", 1, 1), ("500-999", 2, 2)]
    assert bands[0].f1 == 1.0


def test_no_row_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one"):
        score([], [], RELATIONS, none=0)


@pytest.mark.parametrize("none", [0, None])
def test_figures_are_those_of_scikit_learn(none: int | None) -> None:
    rng = np.random.default_rng(0)
    gold, predicted = rng.integers(0, 5, 40), rng.integers(0, 6, 40)  # a relation without gold rows, one never guessed
    predicted[predicted == 4] = 1
    labels = [i for i in range(7) if i != none]
    found = score(gold, predicted, list("abcdefg"), none)
    micro = precision_recall_fscore_support(gold, predicted, labels=labels, average="micro", zero_division=0)
    each = precision_recall_fscore_support(gold, predicted, labels=labels, average=None, zero_division=0)
    assert (found.precision, found.recall, found.f1) == pytest.approx(micro[:3])
    rows = [(r.precision, r.recall, r.f1, r.support) for r in found.per_relation.values()]
    np.testing.assert_allclose(rows, np.array(each).T)
