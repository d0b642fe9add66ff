import numpy as np
import pytest

from dgf.workflows.scoring import Comparison, compare, mean_interval, score
from support.simulated_splits import SENTENCES, SimulatedSplit, draw_answers, draw_split

RELATIONS = ("None", "a", "b")
NAMES = tuple(map(str, range(23)))


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
    found = compare(gold, ours, others, 0, rows_alone(gold))
    assert found.difference == pytest.approx(figures[0] - figures[1], abs=1e-12)


def test_every_relation_counts_where_none_is_left_out() -> None:
    gold = gold_rows()
    ours, others = [answers(gold, 0.7, 1)], [answers(gold, 0.5, 2)]
    figures = [score(gold, runs[0], RELATIONS, None).f1 for runs in (ours, others)]
    assert compare(gold, ours, others, None, rows_alone(gold)).difference == pytest.approx(
        figures[0] - figures[1], abs=1e-12
    )


def test_a_large_difference_is_told_from_chance_and_none_is_not() -> None:
    gold = gold_rows()
    good, bad = ([answers(gold, right, seed) for seed in range(3)] for right in (0.8, 0.5))
    assert (p := compare(gold, good, bad, 0, rows_alone(gold)).p_value) is not None and p < 0.001
    assert compare(gold, good, good, 0, rows_alone(gold)).p_value == 1


def test_seeds_that_scatter_make_a_difference_less_sure() -> None:
    """The same mean difference, once of runs that agree and once of runs that scatter."""
    gold = gold_rows(rows=4000)
    close = [[answers(gold, right, seed) for seed in range(3)] for right in (0.64, 0.59)]
    wide = [[answers(gold, right + step, seed) for seed, step in enumerate((-0.06, 0, 0.06))] for right in (0.64, 0.59)]
    sure, unsure = (compare(gold, *sides, 0, rows_alone(gold)) for sides in (close, wide))
    assert sure.difference == pytest.approx(unsure.difference, abs=0.01)
    assert sure.p_value is not None and unsure.p_value is not None and sure.p_value < 0.05 < 0.2 < unsure.p_value


def test_rows_that_stand_for_few_sentences_make_a_difference_less_sure() -> None:
    gold = np.repeat(gold_rows(rows=150), 4)
    first, second = (np.where(np.repeat(draw, 4), gold, (gold + 1) % 3) for draw in right_or_wrong((0.75, 0.65), 150))
    apart, together = (
        compare(gold, [first] * 3, [second] * 3, 0, groups) for groups in (rows_alone(gold), fours(gold))
    )
    assert apart.difference == together.difference
    assert apart.interval is not None and together.interval is not None
    widths = [high - low for low, high in (apart.interval, together.interval)]
    assert widths[1] == pytest.approx(2 * widths[0], rel=0.02), "four rows that are one"


def right_or_wrong(shares: tuple[float, float], count: int) -> list[np.ndarray]:
    return [np.random.default_rng(seed).random(count) < share for seed, share in enumerate(shares)]


def rows_alone(gold: np.ndarray) -> np.ndarray:
    return np.arange(len(gold))


def fours(gold: np.ndarray) -> np.ndarray:
    return np.arange(len(gold)) // 4


def test_the_interval_holds_the_difference_and_shuts_out_zero_as_the_p_value_does() -> None:
    gold = gold_rows()
    for right, surely in ((0.5, True), (0.69, False)):
        sides = [[answers(gold, share, seed) for seed in range(3)] for share in (0.7, right)]
        found = compare(gold, *sides, 0, rows_alone(gold))
        assert found.interval is not None and found.p_value is not None
        low, high = found.interval
        assert (low + high) / 2 == pytest.approx(found.difference)
        assert (found.p_value < 0.05) is (low > 0) is surely


def test_the_interval_of_a_mean_lies_around_it() -> None:
    gold = gold_rows()
    runs = [answers(gold, 0.7, seed) for seed in range(3)]
    found = mean_interval(gold, runs, 0, rows_alone(gold))
    mean = np.mean([score(gold, run, RELATIONS, 0).f1 for run in runs])
    assert found is not None and sum(found) / 2 == pytest.approx(mean, abs=1e-12) and found[1] - found[0] < 0.2
    assert mean_interval(gold, runs[:2], 0, rows_alone(gold)) is None


def systems(seed: int, better: float = 0.0, *, taste: float = 0.0, **scatter: float) -> tuple[SimulatedSplit, list]:
    """A split of MNRE's size and three runs of each of two systems, of which the first may be better."""
    generator = np.random.default_rng(seed)
    split, sides = draw_split(generator, SENTENCES, hardness=15), []
    for skill in (better, 0.0):
        liked = taste * generator.normal(size=SENTENCES)[split.sentences]
        sides.append([one_run(generator, split, skill, taste=liked, **scatter) for _ in range(3)])
    return split, sides


def one_run(
    generator: np.random.Generator,
    split: SimulatedSplit,
    skill: float,
    *,
    taste: np.ndarray,
    spread: float = 0.0,
    moods: float = 0.0,
) -> np.ndarray:
    """Answers of a run whose seed gave it more or less skill and caution than its system has."""
    skill, caution = skill + spread * generator.normal(), 0.8 * spread * generator.normal()
    return draw_answers(generator, split, skill=skill, caution=caution, moods=moods, taste=taste)


def shares_below(found: list[Comparison]) -> float:
    return float(np.mean([comparison.p_value < 0.05 for comparison in found if comparison.p_value is not None]))


@pytest.mark.long
@pytest.mark.parametrize(
    ("scatter", "deviation"),
    [
        ({}, 0.5),  # each run's chance in each row
        ({"moods": 4.0}, 0.75),  # in each sentence
        ({"moods": 3.0, "spread": 0.15}, 0.75),  # of seeds that make a better or worse network
        ({"moods": 3.0, "spread": 0.4}, 1.0),
        ({"moods": 3.0, "spread": 0.4, "taste": 4.0}, 1.0),  # and systems that are good at other sentences
    ],
)
def test_systems_that_are_alike_differ_at_5_percent_in_3_to_7_percent_of_the_cases(
    scatter: dict[str, float], deviation: float
) -> None:
    found, deviations = [], []
    for trial in range(1000):
        split, sides = systems(trial, **scatter)
        found.append(compare(split.gold, *sides, 0, split.sentences))
        deviations.append(np.var([100 * score(split.gold, run, NAMES, 0).f1 for run in sides[0]], ddof=1))
    assert np.sqrt(np.mean(deviations)) == pytest.approx(deviation, abs=0.12), "of micro F1 from run to run"
    assert 0.03 <= shares_below(found) <= 0.07, shares_below(found)
    held = np.mean([low <= 0 <= high for low, high in (c.interval for c in found if c.interval)])
    assert 0.93 <= held <= 0.97


@pytest.mark.slow
def test_two_points_of_f1_are_found_in_most_cases_where_seeds_scatter_by_three_quarters_of_one() -> None:
    found = []
    for trial in range(300):
        split, sides = systems(trial, 1.25, moods=3.0, spread=0.15)
        found.append(compare(split.gold, *sides, 0, split.sentences))
    assert np.mean([comparison.difference for comparison in found]) == pytest.approx(0.02, abs=0.002)
    assert shares_below(found) > 0.5


def test_fewer_than_three_runs_have_no_p_value() -> None:
    gold = gold_rows()
    runs = [answers(gold, 0.7, seed) for seed in range(2)]
    found = compare(gold, runs, runs, 0, rows_alone(gold))
    assert (found.p_value, found.interval) == (None, None)


def test_both_systems_need_as_many_runs() -> None:
    gold = gold_rows()
    runs = [answers(gold, 0.7, seed) for seed in range(3)]
    with pytest.raises(ValueError, match="as many runs"):
        compare(gold, runs, runs[:2], 0, rows_alone(gold))
