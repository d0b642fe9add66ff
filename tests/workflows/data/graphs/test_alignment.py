"""Structural alignment against values of the public code, and what it makes of tokens and photos."""

from pathlib import Path

import numpy as np
import pytest

from dgf.workflows.data.graphs import Alignments
from dgf.workflows.data.graphs.alignment import compare_nodes, describe_nodes, join_graphs, keep_largest


@pytest.mark.parametrize("name", ["small", "norel", "dense"])
def test_golden_values(shared_dir: Path, name: str) -> None:
    with np.load(shared_dir / "golden" / "baselines" / "mega_structural.npz") as file:
        golden = {key.removeprefix(f"{name}/"): file[key] for key in file.files if key.startswith(f"{name}/")}
    words = int(golden["words"])
    described = describe_nodes([set(np.flatnonzero(row).tolist()) for row in golden["adjacency"]])
    np.testing.assert_allclose(described, golden["features"], rtol=0, atol=1e-12)
    alike = compare_nodes(described[:words], described[words:])
    np.testing.assert_allclose(alike, golden["similarity"], rtol=0, atol=1e-10)
    kept = np.sort(keep_largest(alike), axis=1)
    np.testing.assert_allclose(kept, golden["top5_values_sorted"], rtol=0, atol=1e-10)


def test_words_are_a_chain_and_objects_are_joined_by_their_edges() -> None:
    assert join_graphs(3, 3, ((0, 2),)) == [{1}, {0, 2}, {1}, {5}, set(), {3}]
    assert join_graphs(1, 1, ()) == [set(), set()]


def test_the_vectors_that_are_never_computed_would_give_the_same() -> None:
    """REGAL's own way, with every node a landmark: vectors whose products are C, and their distances."""
    described = describe_nodes(join_graphs(9, 5, ((0, 1), (1, 2), (1, 3))))
    alike = np.exp(-np.linalg.norm(described[:, None] - described, axis=2))
    left, values, _ = np.linalg.svd(np.linalg.pinv(alike, rcond=1e-10, hermitian=True))
    vectors = alike @ left @ np.diag(np.sqrt(values))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    expected = np.exp(-np.linalg.norm(vectors[:9, None] - vectors[9:], axis=2))
    np.testing.assert_allclose(compare_nodes(described[:9], described[9:]), expected, rtol=0, atol=1e-6)


def test_equal_weights_are_kept_in_the_order_of_objects() -> None:
    kept = keep_largest(np.array([[1, 1, 1, 1, 1, 1, 1.0], [0, 7, 1, 1, 1, 1, 1]]))
    assert kept.tolist() == [[1, 1, 1, 1, 1, 0, 0], [0, 7, 1, 1, 1, 1, 0]]


def test_every_piece_of_a_word_has_its_weights_and_nothing_else_has_any() -> None:
    edges = ((0, 1), (0, 2))
    words = np.array([[-1, 0, 1, 1, -1, 2, -1], [0, 1, 1, -1, -1, -1, -1], [-1, 0, 0, 0, 1, 2, 3]])
    found = Alignments(7, {4: edges, 0: ()}).of(words, np.array([3, 2, 4]), np.array([4, -1, 0])).numpy()
    assert found.shape == (3, 7, 7) and found.dtype == np.float32
    for row, count, joined in ((0, 3, edges), (2, 4, ())):
        described = describe_nodes(join_graphs(count, 7, joined))
        expected = keep_largest(compare_nodes(described[:count], described[count:]))
        for token, word in enumerate(words[row].tolist()):
            np.testing.assert_allclose(found[row, token], expected[word] if word >= 0 else 0, rtol=1e-6)
    assert not found[1].any(), "this row has no photo"
    assert (found[0, 2] == found[0, 3]).all() and (found[0, 2] > 0).sum() == 5
