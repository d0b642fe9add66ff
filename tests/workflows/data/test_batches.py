from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dgf.model.batch import Batch
from dgf.workflows.data import by_length, pool_captions, shuffled
from support.uneven_posts import ORDER, UnevenPosts, maker_of, network_of, tokenizer, write_uneven_posts

lengths = st.lists(st.integers(4, 60), min_size=1, max_size=300).map(lambda rows: np.array(rows, np.int64))


@given(lengths, st.integers(1, 20), st.integers(0, 99), st.integers(1, 9))
def test_every_row_is_trained_on_once_an_epoch(rows: np.ndarray, size: int, seed: int, epoch: int) -> None:
    batches = shuffled(rows, size, seed, epoch)
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(rows)))
    assert max(map(len, batches)) <= size
    again = shuffled(rows, size, seed, epoch)
    assert all(np.array_equal(a, b) for a, b in zip(batches, again, strict=True))


@given(lengths, st.integers(1, 20))
def test_every_row_is_evaluated_once_short_ones_first(rows: np.ndarray, size: int) -> None:
    batches = list(by_length(rows, size))
    order = np.concatenate(batches)
    assert sorted(order.tolist()) == list(range(len(rows)))
    assert (np.diff(rows[order]) >= 0).all()


def test_epochs_differ_and_rows_of_like_length_go_together() -> None:
    rows = np.random.default_rng(0).integers(4, 60, 4000)
    first, second = shuffled(rows, 32, 0, 1), shuffled(rows, 32, 0, 2)
    assert not np.array_equal(np.concatenate(first), np.concatenate(second))
    padded = sum(len(batch) * int(rows[batch].max()) for batch in first)
    assert padded < 1.2 * rows.sum()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> UnevenPosts:
    return write_uneven_posts(tmp_path_factory.mktemp("uneven"))


def batch_of(world: UnevenPosts, *, pooled: bool = False) -> Batch:
    """The rows of `ORDER`, with captions as tokens or pooled."""
    maker = maker_of(world)
    if pooled:
        assert maker.captions is not None
        rows = maker.examples.image_rows
        maker = replace(maker, captions=pool_captions(maker.captions, rows, network_of(), torch.device("cpu")))
    return maker(np.array(ORDER))


def test_every_post_of_a_batch_has_the_features_of_its_own_photo(world: UnevenPosts) -> None:
    batch = batch_of(world)
    assert batch.objects is not None and batch.blocks is not None
    for objects, blocks, picture in zip(batch.objects, batch.blocks, world.ordered(), strict=True):
        if picture is not None:
            assert np.array_equal(objects.numpy(), picture.objects)
            assert np.array_equal(blocks.numpy(), picture.blocks)


def test_every_post_of_a_batch_has_the_caption_of_its_own_photo_as_tokens(world: UnevenPosts) -> None:
    batch = batch_of(world)
    assert batch.caption_tokens is not None and batch.caption_token_mask is not None
    rows = zip(batch.caption_tokens, batch.caption_token_mask, strict=True)
    told = [tokenizer().decode(tokens[mask]) for tokens, mask in rows]
    assert told == ["" if picture is None else picture.caption for picture in world.ordered()]


def test_every_post_of_a_batch_has_the_caption_of_its_own_photo_pooled(world: UnevenPosts) -> None:
    batch = batch_of(world, pooled=True)
    assert batch.captions is not None and batch.caption_tokens is None
    for vector, picture in zip(batch.captions, world.ordered(), strict=True):
        if picture is not None:
            tokens = torch.tensor([tokenizer()(picture.caption)["input_ids"]])
            [alone] = network_of().encode_captions(tokens, torch.ones_like(tokens, dtype=torch.bool))
            torch.testing.assert_close(vector, alone, atol=1e-5, rtol=0)


@pytest.mark.parametrize("pooled", [False, True])
def test_masks_are_true_exactly_where_a_post_has_a_photo(pooled: bool, world: UnevenPosts) -> None:
    batch = batch_of(world, pooled=pooled)
    assert batch.object_mask is not None and batch.image_mask is not None and batch.caption_mask is not None
    there = [True, False, True, True, False, True, True, True]
    assert batch.image_mask.tolist() == there
    assert batch.caption_mask.tolist() == there
    assert batch.object_mask.tolist() == [[shown, shown] for shown in there]
