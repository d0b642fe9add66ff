"""Rules of one signal: by value, and by words; held against scikit-learn where it has the same."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from dgf.workflows.audit.examine import auc
from dgf.workflows.audit.rules import LookupRule, WordRule


def test_a_value_has_its_most_frequent_relation_and_an_unseen_one_that_of_all() -> None:
    rule = LookupRule(["a", "a", "a", "b", "c", "c", "c"], np.array([1, 1, 0, 2, 0, 0, 0]), 3, 0)
    read = rule.read(["a", "b", "c", "new"])
    assert read.answer.tolist() == [1, 2, 0, 0]
    assert (read.evidence > 0).tolist() == [True, True, False, False]
    assert read.relation.tolist() == [1, 2, 1, 1]


def test_whether_there_is_a_relation_is_decided_over_all_of_them_together() -> None:
    rule = LookupRule(["a"] * 5, np.array([0, 0, 1, 2, 3]), 4, 0)  # None is the most frequent, and the minority
    read = rule.read(["a"])
    assert read.answer.tolist() == [0] and read.evidence[0] > 0


def test_without_a_negative_relation_every_one_may_be_the_answer() -> None:
    rule = LookupRule(["a", "b", "b"], np.array([0, 1, 1]), 2, None)
    assert rule.read(["a", "b"]).relation.tolist() == [0, 1]
    assert rule.read(["new"]).answer.tolist() == rule.read(["new"]).relation.tolist() == [1]


def test_words_are_weighed_as_by_multinomial_naive_bayes() -> None:
    from sklearn.naive_bayes import MultinomialNB

    rng = np.random.default_rng(0)
    words = [f"w{number}" for number in range(12)]
    rows = [frozenset(rng.choice(words, 4, replace=False).tolist()) for _ in range(80)]
    gold = rng.integers(0, 3, 80)
    table = np.array([[word in row for word in words] for row in rows], dtype=float)
    read = WordRule(rows, gold, 3, 0).read(rows)
    assert read.answer.tolist() == MultinomialNB().fit(table, gold).predict(table).tolist()
    two = MultinomialNB().fit(table, gold > 0).predict_joint_log_proba(table)
    assert np.allclose(read.evidence, two[:, 1] - two[:, 0])
    assert 0 not in read.relation


def test_words_that_were_not_seen_or_once_only_say_nothing() -> None:
    rule = WordRule([frozenset({"x", "rare"}), frozenset({"x"}), frozenset({"x"})], np.array([1, 0, 0]), 2, 0)
    seen, bare = rule.read([frozenset({"rare", "new"})]), rule.read([frozenset()])
    assert seen.evidence == bare.evidence and rule.read(["nothing"]).evidence == bare.evidence


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.booleans()), min_size=2, max_size=30))
def test_auc_is_scikit_learns(rows: list[tuple[int, bool]]) -> None:
    evidence, positive = np.array([float(e) for e, _ in rows]), np.array([there for _, there in rows])
    wanted = roc_auc_score(positive, evidence) if 0 < positive.sum() < len(rows) else 0.5
    assert abs(auc(evidence, positive) - wanted) < 1e-12
