"""What a seed draws: photos, training rows, and captions of other photos.

Photos and rows are ordered by a hash of their name and the seed, and the first of them are taken: a smaller draw is a
part of a larger one, and the order does not depend on what else is there.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

from dgf.pipeline.errors import UserError
from dgf.pipeline.posts import Post
from dgf.workflows.config import TrainConfig
from dgf.workflows.data.examples import Ints


def draw_photos(names: Iterable[str], share: float, seed: int) -> frozenset[str]:
    """Draw exactly `round(share * n)` of n different photos."""
    different = sorted(set(names), key=lambda name: _rank(seed, "photo", name))
    return frozenset(different[: round(share * len(different))])


def draw_rows(posts: Sequence[Post], config: TrainConfig) -> tuple[Post, ...]:
    """Draw the training rows that `data.shots` or `data.train_share` keep, in the order of the file.

    Raises:
        UserError: None is left.
    """
    data = config.data
    if data.shots is not None:
        kept = _shots(posts, data.shots, config.data_seed)
    elif data.train_share < 1:
        kept = set(_in_proportion(posts, config.data_seed)[: round(data.train_share * len(posts))])
    else:
        return tuple(posts)
    if not kept:
        raise UserError(f"data.train_share={data.train_share}: of {len(posts)} training rows, that is none")
    return tuple(post for i, post in enumerate(posts) if i in kept)


def captions_of_others(rows: Ints, seed: int) -> Ints:
    """Give every photo another one's caption.

    Args:
        rows: (n,) row of each post's caption, -1 for none; posts that show one photo have the same.
        seed: Draws a ring of all photos, in which each gets the caption of the next.

    Raises:
        UserError: There is only one photo with a caption.
    """
    photos = np.unique(rows[rows >= 0])
    if len(photos) == 1:
        raise UserError("data.captions_of=others: only one photo has a caption, so that there is no other one")
    ring = np.random.default_rng(seed).permutation(photos)
    given = dict(zip(ring.tolist(), np.roll(ring, -1).tolist(), strict=True))
    return np.array([given.get(row, -1) for row in rows.tolist()], np.int64)


def _shots(posts: Sequence[Post], shots: int, seed: int) -> set[int]:
    """The first rows of each relation; all of a relation that has fewer."""
    taken: Counter[str | None] = Counter()
    kept = set()
    for row in _by_rank(posts, seed):
        relation = posts[row].relation
        taken[relation] += 1
        if taken[relation] <= shots:
            kept.add(row)
    return kept


def _in_proportion(posts: Sequence[Post], seed: int) -> list[int]:
    """Rows in an order of which every beginning has the relations in about their proportions.

    The rows of a relation are spread evenly over [0, 1), from a place that the seed draws: rare relations are not all
    late.
    """
    of_relation: dict[str | None, list[int]] = defaultdict(list)
    for row in _by_rank(posts, seed):
        of_relation[posts[row].relation].append(row)
    places: dict[int, float] = {}
    for relation, rows in of_relation.items():
        start = int(_rank(seed, "relation", str(relation)), 16) / 2**256
        places |= {row: (k + start) / len(rows) for k, row in enumerate(rows)}
    return sorted(places, key=lambda row: (places[row], _rank(seed, "row", posts[row].id)))


def _by_rank(posts: Sequence[Post], seed: int) -> list[int]:
    return sorted(range(len(posts)), key=lambda row: _rank(seed, "row", posts[row].id))


def _rank(seed: int, kind: str, name: str) -> str:
    return hashlib.sha256(f"{seed} {kind} {name}".encode()).hexdigest()
