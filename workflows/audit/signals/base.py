"""What a signal is: something that is known of posts and is neither their words nor the pixels of their photo."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from dgf.pipeline.posts import Post

TypePair = tuple[str | None, str | None]
"""Head type and tail type; None for one that is not known."""

NOTHING = "nothing"
"""The value of a post that lacks what a signal tells."""

_MOST_VALUES = 20
"""Different numbers up to which each stands for itself; then as many ranges."""


@dataclass(frozen=True, slots=True)
class Signal:
    """Something that is known of posts and is neither their words nor the pixels of their photo.

    Args:
        name: For people.
        word: In one word, for a model to read before the value.
        values: By post id: text, or a set of words; a post that is not in it has `NOTHING`.
        content: Whether it may rightly go with the relation, as the type of an entity or what a caption says does: then
            it is no leak that it tells which relation there is.
    """

    name: str
    word: str
    values: Mapping[str, str | frozenset[str]]
    content: bool = False

    def of(self, posts: Iterable[Post]) -> list[str | frozenset[str]]:
        """The value of each post."""
        return [self.values.get(post.id, NOTHING) for post in posts]

    def spoken(self, post: Post) -> list[str]:
        """The value as words that can stand before a sentence."""
        value = self.values.get(post.id, NOTHING)
        words = sorted(value) if isinstance(value, frozenset) else re.findall(r"\w+", value)
        return [self.word, *(words or [NOTHING]), "."]


def number_signal(name: str, word: str, numbers: Mapping[str, float]) -> Signal:
    """A number by post id: as it is where there are few different ones, else in ranges that hold as many posts each."""
    known = np.array(list(numbers.values()), dtype=np.float64)
    if len(np.unique(known)) <= _MOST_VALUES:
        return Signal(name, word, {post: f"{number:g}" for post, number in numbers.items()})
    edges = np.quantile(known, np.linspace(0, 1, _MOST_VALUES + 1)[1:-1])
    places = np.searchsorted(edges, known, side="right").tolist()
    return Signal(name, word, {post: str(place) for post, place in zip(numbers, places, strict=True)})
