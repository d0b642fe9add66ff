import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dgf.workflows.batches import by_length, shuffled

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
