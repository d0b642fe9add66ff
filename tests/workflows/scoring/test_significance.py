import numpy as np
import pytest

from dgf.workflows.scoring import compare, score

RELATIONS = ("None", "a", "b")


def answers(gold: np.ndarray, right: float, seed: int) -> np.ndarray:
    """Answers that are right with the given chance, otherwise drawn."""
    generator = np.random.default_rng(seed)
    drawn = generator.integers(0, 3, len(gold))
    return np.where(generator.random(len(gold)) < right, gold, drawn)


def gold_rows(seed: int = 0, rows: int = 600) -> np.ndarray:
    return np.random.default_rng(seed).choice(3, rows, p=[0.6, 0.2, 0.2])


def test_the_difference_is_that_of_the_mean_micro_f1() -> None:
    gold = gold_rows()
    ours, others = ([answers(gold, right, seed) for seed in range(3)] for right in (0.7, 0.5))
    figures = [np.mean([score(gold, runs, RELATIONS, 0).f1 for runs in side]) for side in (ours, others)]
    found = compare(gold, ours, others, 0)
    assert found.difference == pytest.approx(figures[0] - figures[1], abs=1e-12)


def test_every_relation_counts_where_none_is_left_out() -> None:
    gold = gold_rows()
    ours, others = [answers(gold, 0.7, 1)], [answers(gold, 0.5, 2)]
    figures = [score(gold, runs[0], RELATIONS, None).f1 for runs in (ours, others)]
    assert compare(gold, ours, others, None).difference == pytest.approx(figures[0] - figures[1], abs=1e-12)


def test_a_large_difference_is_told_from_chance_and_none_is_not() -> None:
    gold = gold_rows()
    good, bad = ([answers(gold, right, seed) for seed in range(3)] for right in (0.8, 0.5))
    assert (p := compare(gold, good, bad, 0).p_value) is not None and p < 0.001
    assert compare(gold, good, good, 0).p_value == 1


def test_systems_that_are_alike_differ_at_5_percent_in_about_5_percent_of_the_cases() -> None:
    found = []
    for trial in range(60):
        gold = gold_rows(trial, 300)
        sides = [[answers(gold, 0.6, 1000 * trial + 10 * side + run) for run in range(3)] for side in range(2)]
        p_value = compare(gold, *sides, 0).p_value
        assert p_value is not None
        found.append(p_value)
    assert 0 <= np.mean(np.array(found) < 0.05) <= 0.15, "binomial: 9 of 60 or fewer in 99.9% of the cases"
    assert 0.3 < np.mean(found) < 0.7, "p-values are spread evenly where nothing differs"


def test_fewer_than_three_runs_have_no_p_value() -> None:
    gold = gold_rows()
    runs = [answers(gold, 0.7, seed) for seed in range(2)]
    assert compare(gold, runs, runs, 0).p_value is None


def test_both_systems_need_as_many_runs() -> None:
    gold = gold_rows()
    runs = [answers(gold, 0.7, seed) for seed in range(3)]
    with pytest.raises(ValueError, match="as many runs"):
        compare(gold, runs, runs[:2], 0)
