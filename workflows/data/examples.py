"""Posts made ready for a model: tokens, spans, labels, and the row of each photo in the shards."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from dgf.model.batch import Batch
from dgf.model.config import EntityTypes
from dgf.model.labels import LabelSpace
from dgf.pipeline.posts import Post
from dgf.workflows.data.encode import PostEncoder
from dgf.workflows.data.type_file import TypePairs

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Examples:
    """n rows of a split as arrays.

    Args:
        posts: Where each row came from.
        tokens: The rows' token ids, one after the other.
        offsets: (n + 1,) where each row begins in `tokens`.
        words: The word of its post that each of these tokens is a piece of, -1 for markers and special tokens.
        spans: (n, 2, 2) token [start, end) of head and tail.
        image_rows: (n,) row of the photo in the feature store, -1 where the row runs on text alone.
        sentences: (n,) number of the sentence; rows of one sentence share it.
        relations: (n,) relation id, -1 where it is not known.
        type_targets: (n, 2) entity types to learn from, -1 unknown; from the relation's name or the type file.
        given_types: (n, 2) entity types the model is given, only for `entity_types` file and gold.
        caption_rows: (n,) row of the photo's caption in the table of captions, -1 for none; None without captions.
        mention_objects: (n, 2) which of the photo's objects head and tail are, -1 for one that is words; None where
            all are.
    """

    posts: tuple[Post, ...]
    tokens: Ints
    offsets: Ints
    words: Ints
    spans: Ints
    image_rows: Ints
    sentences: Ints
    relations: Ints
    type_targets: Ints
    given_types: Ints | None
    caption_rows: Ints | None = None
    mention_objects: Ints | None = None

    def __len__(self) -> int:
        return len(self.posts)

    @property
    def lengths(self) -> Ints:
        """(n,) tokens of each row."""
        return np.diff(self.offsets)

    def text_batch(self, rows: Ints) -> Batch:
        """Make the batch of these rows without photos and captions, padded to its longest row with id 0."""
        at, mask = self._places(rows)
        given = self.given_types
        return Batch(
            tokens=torch.from_numpy(np.where(mask, self.tokens[at], 0)),
            token_mask=torch.from_numpy(mask),
            spans=torch.from_numpy(self.spans[rows]),
            given_types=None if given is None else torch.from_numpy(given[rows]),
            relations=torch.from_numpy(self.relations[rows]),
            type_targets=torch.from_numpy(self.type_targets[rows]),
            sentences=torch.from_numpy(self.sentences[rows]),
        )

    def words_of(self, rows: Ints) -> Ints:
        """Return the word of each token of these rows, (B, L), -1 where it is of none, padding included."""
        at, mask = self._places(rows)
        return np.where(mask, self.words[at], -1)

    def _places(self, rows: Ints) -> tuple[Ints, np.ndarray]:
        """Return where the tokens of these rows stand, (B, L), and which places are filled, (B, L) bool."""
        lengths = self.lengths[rows]
        columns = np.arange(lengths.max())
        mask = columns < lengths[:, None]
        return np.where(mask, self.offsets[rows][:, None] + columns, 0), mask


def make_examples(
    posts: Sequence[Post],
    image_rows: Ints,
    encoder: PostEncoder,
    labels: LabelSpace,
    entity_types: EntityTypes,
    types: TypePairs,
    caption_rows: Ints | None = None,
    mention_objects: Ints | None = None,
) -> Examples:
    """Make the arrays of a split from its posts and their (n,) `image_rows` and `caption_rows` of `place`.

    `entity_types` says where the types that the model is given come from: the relation's name, or `types` by the id of
    the post, which are those of a type file or of the data set; a post that has none there has its own.
    """
    encoded = encoder.encode(posts)
    relations = np.array([labels.relation_id(post.relation) for post in posts], dtype=np.int64)
    pairs = [types.get(post.id, (post.head.type, post.tail.type)) for post in posts]
    filed = np.array([[labels.type_id(t) for t in pair] for pair in pairs], dtype=np.int64)
    filed = filed.reshape(len(posts), 2)
    named = labels.type_targets(torch.from_numpy(relations)).numpy()
    numbers: dict[tuple[str, ...], int] = {}
    return Examples(
        posts=tuple(posts),
        tokens=_joined([e.tokens for e in encoded]),
        offsets=np.cumsum([0, *(len(e.tokens) for e in encoded)], dtype=np.int64),
        words=_joined([e.words for e in encoded]),
        spans=np.array([[e.head, e.tail] for e in encoded], dtype=np.int64).reshape(len(posts), 2, 2),
        image_rows=image_rows,
        sentences=np.array([numbers.setdefault(post.tokens, len(numbers)) for post in posts], dtype=np.int64),
        relations=relations,
        type_targets=np.where(filed >= 0, filed, named),
        given_types={"file": filed, "gold": named}.get(entity_types),
        caption_rows=caption_rows,
        mention_objects=mention_objects,
    )


def _joined(rows: Sequence[Sequence[int]]) -> Ints:
    """Put the numbers of rows one after the other."""
    return np.concatenate([np.asarray(row, dtype=np.int64) for row in rows] or [np.zeros(0, np.int64)])
