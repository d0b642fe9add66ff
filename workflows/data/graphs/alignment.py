"""How alike words and objects stand in two graphs, by the structural alignment that MEGA takes from REGAL (xNetMF).

The words of a sentence are a chain, each joined with its neighbors (no parser runs here; the authors had dependency
trees), and the objects of a photo are joined where its scene graph says so. A node v is described by the degrees
around it: f_v = sum over l = 0, 1, 2 of 0.01^l times the histogram, in powers of two, of the degrees of the nodes at
distance l.

REGAL compares nodes by C_vw = exp(-|f_v - f_w|) and finds vectors y with y_v . y_w = C_vw for a few landmarks, exactly
where all nodes are landmarks, as for the authors' sentences; the weight is exp(-|y_v - y_w|). C_vv is 1, so that
|y_v - y_w|^2 = 2 - 2 C_vw: no vector needs to be computed. Of each word's weights the five largest are kept.

No word's meaning, no class and no position enters; words and objects are alike that have as many neighbors.
"""

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dgf.pipeline.graphs import Edges
from dgf.workflows.data.examples import Ints

_Floats = NDArray[np.float64]

HOPS = 2
DISCOUNT = 0.01
KEPT = 5
"""Objects of a word that have a weight."""


@dataclass(frozen=True, slots=True)
class Alignments:
    """The structural weights of words and objects, for any rows of a split.

    Args:
        objects: K, of every photo; those that it lacks are nodes without a neighbor.
        edges: Between the objects of each photo, by its row in the feature store.
    """

    objects: int
    edges: Mapping[int, Edges]

    def of(self, words: Ints, counts: Ints, image_rows: Ints) -> Tensor:
        """Return the weights of the tokens of B rows, (B, L, K) float32; zeros where a row has no photo.

        Args:
            words: (B, L) word that each token is a piece of, -1 for special tokens, markers and padding.
            counts: (B,) words of each sentence.
            image_rows: (B,) row of each photo in the feature store, -1 for none.
        """
        weights = np.zeros((*words.shape, self.objects), np.float32)
        for row, (count, photo) in enumerate(zip(counts.tolist(), image_rows.tolist(), strict=True)):
            if photo >= 0:
                inside = words[row] >= 0
                weights[row, inside] = _align(count, self.objects, self.edges[photo])[words[row, inside]]
        return torch.from_numpy(weights)


@lru_cache(maxsize=1 << 14)
def _align(words: int, objects: int, edges: Edges) -> NDArray[np.float32]:
    """Return the weights that are kept of each word and object, (words, objects)."""
    described = describe_nodes(join_graphs(words, objects, edges))
    return keep_largest(compare_nodes(described[:words], described[words:])).astype(np.float32)


def join_graphs(words: int, objects: int, edges: Edges) -> list[set[int]]:
    """Return the neighbors of each node: a chain of words, then the objects, which no edge joins with them."""
    neighbors = [{other for other in (word - 1, word + 1) if 0 <= other < words} for word in range(words)]
    neighbors += [set() for _ in range(objects)]
    for a, b in edges:
        neighbors[words + a].add(words + b)
        neighbors[words + b].add(words + a)
    return neighbors


def describe_nodes(neighbors: Sequence[Set[int]]) -> _Floats:
    """Describe n nodes by the degrees around them, (n, buckets); nodes without a neighbor are not counted."""
    buckets = [len(found).bit_length() - 1 for found in neighbors]  # -1 for no neighbor
    described = np.zeros((len(neighbors), max(buckets, default=-1) + 1))
    for node in range(len(neighbors)):
        seen, ring = {node}, {node}
        for hop in range(HOPS + 1):
            for bucket, count in Counter(buckets[other] for other in ring).items():
                if bucket >= 0:
                    described[node, bucket] += DISCOUNT**hop * count
            ring = {other for here in ring for other in neighbors[here]} - seen
            seen |= ring
    return described


def compare_nodes(left: _Floats, right: _Floats) -> _Floats:
    """Return how alike nodes are by their descriptions: (n, F) and (m, F) -> (n, m), 1 for equal ones."""
    distance = np.linalg.norm(left[:, None] - right, axis=2)
    alike: _Floats = np.exp(-np.sqrt(np.maximum(2 - 2 * np.exp(-distance), 0)))
    return alike


def keep_largest(weights: _Floats) -> _Floats:
    """Keep the largest weights of each row and make the others zeros; of equal ones the first are kept."""
    order = np.argsort(-weights, axis=1, kind="stable")[:, :KEPT]
    kept = np.zeros_like(weights)
    np.put_along_axis(kept, order, np.take_along_axis(weights, order, 1), 1)
    return kept
