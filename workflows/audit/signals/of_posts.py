"""What posts tell beside their words and their photo: place, name of the photo, types, which mentions are boxes."""

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

from dgf.model.labels import LabelSpace
from dgf.pipeline.posts import Dataset, Post
from dgf.workflows.audit.signals.base import NOTHING, Signal, TypePair, number_signal
from dgf.workflows.data import types_of_posts
from dgf.workflows.scoring import group_rows

_POSITIONS = 20
_DIGITS = re.compile(r"\d+")


def type_signals(pairs: Mapping[str, TypePair]) -> list[Signal]:
    """Which mentions have a type, and which types they have."""
    return [
        Signal("types: which mentions have one", "types", {post: _which(*pair) for post, pair in pairs.items()}),
        Signal(
            "types: the pair",
            "types",
            {post: f"{head or NOTHING} {tail or NOTHING}" for post, (head, tail) in pairs.items()},
            content=True,
        ),
    ]


def types_of_labels(dataset: Dataset) -> Mapping[str, TypePair]:
    """The types that stand in the name of each post's own relation: an oracle, to see what such types are worth."""
    labels = LabelSpace.from_relations(dataset.relations, negative=dataset.negative)
    named = ((post.id, labels.types_of(post.relation)) for post in dataset.posts if post.relation is not None)
    return {post: pair for post, pair in named if pair is not None}


def post_signals(dataset: Dataset) -> list[Signal]:
    """What the posts alone tell: order, names of photos, sentences that stand in several splits."""
    found = [
        number_signal("row order: the place in the file", "place", _places(dataset)),
        Signal("row order: relation of the post before", "before", _relations_before(dataset)),
        Signal("repeated post: its sentence and mentions", "repeated", _each(dataset, _sentence_and_mentions)),
    ]
    if any(post.image_ids for post in dataset.posts):
        found += [
            Signal("photo: whether one is named", "photo", _each(dataset, lambda post: str(bool(post.image_ids)))),
            Signal("file name: its shape", "file", _each(dataset, lambda post: _DIGITS.sub("#", _file_name(post)))),
            Signal("file name: what comes before digits", "file", _each(dataset, _prefix)),
            number_signal("file name: its last number", "number", _last_numbers(dataset)),
        ]
    if given := types_of_posts(dataset.posts):
        found += type_signals(given)
    if any(mention.box is not None for post in dataset.posts for mention in (post.head, post.tail)):
        found += _box_signals(dataset)
    return found


def _box_signals(dataset: Dataset) -> list[Signal]:
    """Which mentions are objects of the photo, and how much of it they take."""
    heads = {post.id: post.head.box for post in dataset.posts}
    tails = {post.id: post.tail.box for post in dataset.posts}
    areas = {
        of: {post: (box[2] - box[0]) * (box[3] - box[1]) for post, box in boxes.items() if box is not None}
        for of, boxes in (("head", heads), ("tail", tails))
    }
    return [
        Signal("boxes: which mentions are one", "boxes", {post: _which(heads[post], tails[post]) for post in heads}),
        *(number_signal(f"boxes: area of the {of}", "area", numbers) for of, numbers in areas.items() if numbers),
    ]


def _which(head: object, tail: object) -> str:
    """Which of two things there are."""
    there = head is not None, tail is not None
    return {(True, True): "both", (True, False): "head", (False, True): "tail"}.get(there, NOTHING)


def _each(dataset: Dataset, value: Callable[[Post], str]) -> dict[str, str]:
    return {post.id: value(post) for post in dataset.posts}


def _places(dataset: Dataset) -> dict[str, float]:
    return {
        post.id: place * _POSITIONS // len(posts)
        for posts in dataset.splits.values()
        for place, post in enumerate(posts)
    }


def _relations_before(dataset: Dataset) -> dict[str, str]:
    """The relation of the nearest post before that shows another photo and has another sentence."""
    found: dict[str, str] = {}
    for posts in dataset.splits.values():
        found |= _before(posts, group_rows(posts).tolist())
    return found


def _before(posts: Sequence[Post], groups: Sequence[int]) -> dict[str, str]:
    found: dict[str, str] = {}
    last: str | None = None
    for (one, group), (other, other_group) in pairwise(zip(posts, groups, strict=True)):
        last = one.relation if group != other_group else last
        if last is not None:
            found[other.id] = last
    return found


def _sentence_and_mentions(post: Post) -> str:
    return f"{post.head.start} {post.head.end} {post.tail.start} {post.tail.end} {' '.join(post.tokens)}"


def _file_name(post: Post) -> str:
    return post.image_ids[0].rpartition("/")[2] if post.image_ids else NOTHING


def _prefix(post: Post) -> str:
    return _DIGITS.split(_file_name(post), maxsplit=1)[0]


def _last_numbers(dataset: Dataset) -> dict[str, float]:
    numbers = {post.id: _DIGITS.findall(_file_name(post)) for post in dataset.posts}
    return {post: float(found[-1][:15]) for post, found in numbers.items() if found}
