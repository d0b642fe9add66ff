"""Rows that hang together: posts of one sentence or of one photo, which are right or wrong together."""

from collections.abc import Hashable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from dgf.pipeline.posts import Post

Groups = NDArray[np.int64]
"""(n,) number of the group of each row."""


def group_rows(posts: Sequence[Post]) -> Groups:
    """Put posts that share a sentence or a photo, also by way of others, into one group; return (n,) numbers."""
    sentences = _numbers(post.tokens for post in posts)
    photos = _numbers(tuple(sorted(post.image_ids)) or number for number, post in enumerate(posts))
    size = len(posts)
    links = coo_array((np.ones(size), (sentences, size + photos)), shape=(2 * size, 2 * size))
    _, found = connected_components(links, directed=False)
    return np.asarray(found[sentences], np.int64)


def sum_groups(groups: Groups, *columns: NDArray[np.generic]) -> NDArray[np.float64]:
    """Sum (n,) columns over the rows of each group that is there -> (G, C)."""
    present = np.unique(groups, return_inverse=True)[1]
    return np.stack([np.bincount(present, column.astype(np.float64)) for column in columns], axis=1)


def _numbers(names: Iterable[Hashable]) -> NDArray[np.int64]:
    known: dict[Hashable, int] = {}
    return np.array([known.setdefault(name, len(known)) for name in names], np.int64)
