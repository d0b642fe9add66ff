"""Exchanges keep together what belongs together, and chance is called chance as often as it should be."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dgf.pipeline.posts import Dataset, Mention, Post
from dgf.workflows.audit.examine import Fold, examine, halves
from dgf.workflows.audit.permutation import Chance, draw_orders, holm
from dgf.workflows.audit.signals import Signal

RELATIONS = ("None", "r1", "r2")


def post(name: str, sentence: str, photo: str = "", relation: str | None = None) -> Post:
    return Post(name, tuple(sentence.split()), Mention("a", 0, 1), Mention("b", 1, 2), (photo,) * bool(photo), relation)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 6), min_size=1, max_size=25), st.integers(0, 100))
def test_groups_change_places_whole_and_with_groups_of_their_size(numbers: list[int], seed: int) -> None:
    groups = np.array(numbers)
    orders = np.concatenate(list(draw_orders(groups, np.random.default_rng(seed), draws=20)))
    assert orders.shape == (20, len(groups))
    for order in orders:
        assert sorted(order.tolist()) == list(range(len(groups)))
        for group in set(numbers):
            taken = groups[order[groups == group]]
            assert len(set(taken.tolist())) == 1  # all of one other group
            assert (groups == taken[0]).sum() == (groups == group).sum()


def test_every_exchange_of_single_rows_is_as_likely() -> None:
    orders = np.concatenate(list(draw_orders(np.arange(3), np.random.default_rng(0), draws=6000)))
    _, counts = np.unique(orders, axis=0, return_counts=True)
    assert len(counts) == 6 and abs(counts / 6000 - 1 / 6).max() < 0.02


def test_holm_is_that_of_the_textbook() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]) == pytest.approx([1.0, 1.0])
    assert holm([]) == []


def test_the_real_labels_count_as_a_draw() -> None:
    assert (Chance(0, 99).p_value, Chance(99, 99).p_value) == (0.01, 1.0)


def clustered(seed: int, groups: int, size: int) -> tuple[Dataset, Signal]:
    """Groups of posts, each of one relation and of one value of a signal that knows nothing of it."""
    rng = np.random.default_rng(seed)
    posts, values = [], {}
    for group in range(groups):
        relation, value = RELATIONS[int(rng.integers(3))], str(rng.integers(2))
        for row in range(size):
            posts.append(post(f"{group}.{row}", f"s{group} w", relation=relation))
            values[posts[-1].id] = value
    half = groups // 2 * size
    splits = {"train": tuple(posts[:half]), "test": tuple(posts[half:])}
    dataset = Dataset(*(None,) * 2, splits, RELATIONS, "None")  # type: ignore[arg-type]
    return dataset, Signal("value", "value", values)


def test_rows_of_one_photo_are_not_taken_for_so_many_witnesses() -> None:
    """Were rows exchanged one by one, most of these worlds would have a p-value below 0.05."""
    p_values = []
    for seed in range(60):
        dataset, signal = clustered(seed, 40, 10)
        fold = Fold("train", dataset.splits["train"], dataset.splits["test"])
        [found], _ = examine(dataset, [(signal, (fold,))], seed)
        assert found.there is not None
        p_values.append(found.there.p_value)
    assert sum(p_value < 0.05 for p_value in p_values) <= 7


def test_halves_keep_groups_together_and_cover_all() -> None:
    dataset, _ = clustered(0, 12, 3)
    one, other = halves(dataset.posts, "test", 0)
    assert {p.id for p in one.scored} | {p.id for p in other.scored} == {p.id for p in dataset.posts}
    assert one.fit == other.scored and other.fit == one.scored
    assert not {p.tokens for p in one.scored} & {p.tokens for p in other.scored}
    assert halves(dataset.splits["train"][:3], "test", 0) == ()  # one group
