from dataclasses import asdict

import numpy as np
import pytest

from dgf.pipeline.posts import Mention, Post
from dgf.workflows.scoring import estimate_intervals, f1_interval, group_rows, score
from dgf.workflows.scoring.intervals import FEWEST_GROUPS
from support.simulated_splits import RELATIONS, SENTENCES, draw_answers, draw_split

COUNTED = np.array([name != "None" for name in RELATIONS])
MENTION = Mention("a", 0, 1)
FIGURES = ("accuracy", "precision", "recall", "f1", "macro_f1")


def post(number: int, words: str, *photos: str) -> Post:
    return Post(f"test:{number}", tuple(words.split()), MENTION, MENTION, photos)


def test_posts_that_share_a_sentence_or_a_photo_are_one_group() -> None:
    posts = [
        post(0, "one", "a.jpg"), post(1, "two", "a.jpg"), post(2, "two", "b.jpg"), post(3, "three"), post(4, "four"),
        post(5, "three"), post(6, "five", "c.jpg"),
    ]  # fmt: skip
    groups = group_rows(posts).tolist()
    assert groups[0] == groups[1] == groups[2], "the second and third share a sentence, the first two a photo"
    assert groups[3] == groups[5] and len(set(groups)) == 4


def test_rows_without_a_photo_do_not_share_it() -> None:
    assert len(set(group_rows([post(0, "one"), post(1, "two")]).tolist())) == 2
    assert group_rows([]).tolist() == []


def test_every_interval_holds_its_figure() -> None:
    split = draw_split(np.random.default_rng(3))
    answers = draw_answers(np.random.default_rng(4), split)
    scores = score(split.gold, answers, RELATIONS, 0)
    found = estimate_intervals(split.gold, answers, COUNTED, split.sentences)
    assert found is not None
    for name in FIGURES:
        low, high = getattr(found, name)
        assert low < getattr(scores, name) < high and high - low < 0.3, name
    assert f1_interval(split.gold, answers, COUNTED, split.sentences) == found.f1
    assert estimate_intervals(split.gold, answers, COUNTED, split.sentences) == found, "the same draws every time"
    assert sum(found.macro_f1) / 2 == pytest.approx(scores.macro_f1, abs=1e-12), (
        "a jackknife's interval has the figure in its middle"
    )


def test_rows_that_are_right_or_wrong_together_make_an_interval_wider() -> None:
    generator = np.random.default_rng(0)
    gold = np.repeat(generator.integers(0, 3, 200), 5)
    right = np.repeat(generator.random(200) < 0.7, 5)
    predicted, counted = np.where(right, gold, (gold + 1) % 3), np.array([False, True, True])
    rows = np.arange(1000)
    together, apart = (f1_interval(gold, predicted, counted, groups) for groups in (rows // 5, rows))
    assert together is not None and apart is not None
    assert (together[1] - together[0]) / (apart[1] - apart[0]) == pytest.approx(np.sqrt(5), rel=0.15)


def test_too_few_groups_have_no_interval() -> None:
    gold = np.array([0, 1] * FEWEST_GROUPS)
    counted = np.array([False, True])
    few = np.arange(2 * FEWEST_GROUPS) // 2
    assert estimate_intervals(gold, gold, counted, few) is not None
    assert estimate_intervals(gold[2:], gold[2:], counted, few[2:] - 1) is None
    assert f1_interval(gold[2:], gold[2:], counted, few[2:]) is None


def test_rows_that_are_all_right_or_all_wrong_have_no_interval_of_f1() -> None:
    gold, counted, groups = np.array([0, 1] * 40), np.array([False, True]), np.arange(80)
    for predicted in (gold, np.zeros(80, np.int64)):
        assert f1_interval(gold, predicted, counted, groups) is None
    assert f1_interval(gold, np.where(np.arange(80) < 5, 0, gold), counted, groups) is not None


@pytest.mark.long
@pytest.mark.parametrize(("sentences", "hardness"), [(SENTENCES, 1), (170, 1), (SENTENCES, 5)])
def test_an_interval_holds_the_true_figure_in_about_95_percent_of_the_splits(sentences: int, hardness: float) -> None:
    """1,000 splits of MNRE's size (1,614 rows) and of 300 rows; the truth is that of half a million rows."""
    generator = np.random.default_rng(1)
    whole = draw_split(generator, 300_000, hardness)
    answers = draw_answers(generator, whole)
    true = score(whole.gold, answers, RELATIONS, 0)
    held = dict.fromkeys(FIGURES, 0)
    for number in range(1000):
        generator = np.random.default_rng((sentences, number))
        split = draw_split(generator, sentences, hardness)
        answers = draw_answers(generator, split)
        found = estimate_intervals(split.gold, answers, COUNTED, split.sentences, seed=number)
        assert found is not None
        # macro F1 is a mean over the relations that the split has
        there = [true.per_relation[RELATIONS[i]].f1 for i in np.unique(split.gold) if i]
        truth = {**{name: getattr(true, name) for name in FIGURES}, "macro_f1": float(np.mean(there))}
        for name, (low, high) in asdict(found).items():
            held[name] += low <= truth[name] <= high
    assert all(930 <= held[name] <= 970 for name in FIGURES[:-1]), held
    assert 900 <= held["macro_f1"] <= 985, held
