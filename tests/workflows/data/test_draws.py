from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dgf.pipeline.errors import UserError
from dgf.pipeline.posts import Mention, Post
from dgf.workflows.config import TrainConfig, resolve_config
from dgf.workflows.data.draws import captions_of_others, draw_photos, draw_rows

shares = st.floats(0, 1)
seeds = st.integers(0, 2**31 - 1)
relations = st.lists(st.sampled_from(["None", "a", "b", "c", None]), min_size=1, max_size=120)


def posts_of(names: list[str | None]) -> tuple[Post, ...]:
    head, tail = Mention("Ann", 0, 1), Mention("Bob", 2, 3)
    return tuple(Post(f"train:{i}", ("Ann", "met", "Bob"), head, tail, (), name) for i, name in enumerate(names))


def config_of(seed: int = 0, **keys: object) -> TrainConfig:
    config = resolve_config()
    return replace(config, seed=seed, data=replace(config.data, **keys))


@settings(deadline=None, max_examples=50)
@given(st.sets(st.text(max_size=5), max_size=80), shares, shares, seeds)
def test_a_share_of_photos_is_exact_and_a_part_of_a_larger_one(
    names: set[str], one: float, two: float, seed: int
) -> None:
    less, more = (draw_photos(names, share, seed) for share in sorted((one, two)))
    assert less <= more <= names
    assert [len(less), len(more)] == [round(share * len(names)) for share in sorted((one, two))]


@settings(deadline=None, max_examples=50)
@given(st.sets(st.integers(0, 999), min_size=1, max_size=80), shares, seeds, st.randoms())
def test_the_order_and_repetition_of_photos_draw_nothing(
    numbers: set[int], share: float, seed: int, random: np.random.Generator
) -> None:
    names = [f"{number}.jpg" for number in numbers]
    again = names * 2
    random.shuffle(again)  # type: ignore[arg-type]
    assert draw_photos(names, share, seed) == draw_photos(again, share, seed)


def test_photos_that_fall_out_exchange_no_more_than_their_places() -> None:
    names = [f"{number}.jpg" for number in range(100)]
    drawn, without = draw_photos(names, 0.5, 3), draw_photos(names[10:], 0.5, 3)
    assert len(drawn & without) >= 40  # ten fewer photos, five fewer drawn: the others stay
    assert draw_photos(names, 0.5, 4) != drawn


@settings(deadline=None, max_examples=50)
@given(relations, st.integers(1, 9), st.integers(1, 9), seeds)
def test_shots_are_rows_of_each_relation_and_a_part_of_more_shots(
    names: list[str | None], one: int, two: int, seed: int
) -> None:
    posts, few, many = posts_of(names), min(one, two), max(one, two)
    less, more = (draw_rows(posts, config_of(seed, shots=shots)) for shots in (few, many))
    assert set(less) <= set(more) and [*more] == [post for post in posts if post in more]
    there = Counter(names)
    assert Counter(post.relation for post in less) == {name: min(few, there[name]) for name in there}


@settings(deadline=None, max_examples=50)
@given(relations, st.floats(0.2, 1), st.floats(0.2, 1), seeds)
def test_a_share_of_rows_is_exact_in_proportion_and_a_part_of_a_larger_one(
    names: list[str | None], one: float, two: float, seed: int
) -> None:
    posts = posts_of(names)
    assert draw_rows(posts, config_of(seed)) == posts
    small, large = sorted((one, two))
    if not round(small * len(posts)):
        with pytest.raises(UserError, match="that is none"):
            draw_rows(posts, config_of(seed, train_share=small))
        return
    less, more = (draw_rows(posts, config_of(seed, train_share=share)) for share in (small, large))
    assert set(less) <= set(more) and [*more] == [post for post in posts if post in more]
    assert [len(less), len(more)] == [round(share * len(posts)) for share in (small, large)]
    there, kept = Counter(names), Counter(post.relation for post in less)
    spread = len(there) / len(posts)  # how far the last row lies from the share itself
    assert all(abs(kept[name] - small * there[name]) <= 1 + spread * there[name] + 1e-6 for name in there)


@pytest.mark.parametrize("seed", range(5))
def test_a_small_share_has_the_relations_in_their_proportions(seed: int) -> None:
    posts = posts_of(["None"] * 700 + ["a"] * 200 + ["b"] * 90 + ["c"] * 10)
    for share in (0.1, 0.25, 0.5):
        kept = Counter(post.relation for post in draw_rows(posts, config_of(seed, train_share=share)))
        for name, count in Counter(post.relation for post in posts).items():
            assert abs(kept[name] - share * count) <= 3


@settings(deadline=None, max_examples=50)
@given(st.integers(2, 60), st.integers(0, 40), seeds)
def test_no_row_gets_the_caption_of_its_own_photo(photos: int, more: int, seed: int) -> None:
    rows = np.concatenate([np.arange(photos), np.random.default_rng(seed).integers(-1, photos, more)])
    others = captions_of_others(rows, seed)
    assert ((others < 0) == (rows < 0)).all() and (others[rows >= 0] != rows[rows >= 0]).all()
    given_to = dict(zip(rows.tolist(), others.tolist(), strict=True))
    assert [given_to[row] for row in rows.tolist()] == others.tolist(), "one photo, one caption"
    assert sorted(row for row in given_to.values() if row >= 0) == list(range(photos)), "each is given once"
    assert np.array_equal(others, captions_of_others(rows, seed))


def test_a_single_photo_has_no_other() -> None:
    with pytest.raises(UserError, match="only one photo"):
        captions_of_others(np.array([4, -1, 4]), 0)
    assert captions_of_others(np.array([-1, -1]), 0).tolist() == [-1, -1]


@pytest.mark.parametrize("kept", [{"shots": 5}, {"train_share": 0.5}])
def test_a_seed_of_the_data_holds_whatever_the_runs(kept: dict[str, object]) -> None:
    posts = posts_of(["a", "b"] * 30)
    config = config_of(0, **kept)
    data = replace(config.data, seed=9)
    fixed = [draw_rows(posts, replace(config, seed=seed, data=data)) for seed in (0, 1)]
    assert fixed[0] == fixed[1] != draw_rows(posts, config)
