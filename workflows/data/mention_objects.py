"""Mentions that are objects of the photo: which of the detected objects each is, found by where its box lies."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dgf.model.config import RelationConfig
from dgf.pipeline.errors import UserError
from dgf.pipeline.features import FeatureStore, read_seen
from dgf.pipeline.graphs import SAME, overlap_of_boxes
from dgf.pipeline.posts import PhotoBox, Post
from dgf.workflows.data.examples import Ints

_log = logging.getLogger(__name__)

NO_BOXES = "this model reads mentions in the text alone"
"""Why a model refuses a mention that is a box."""


def find_mention_objects(
    posts: Sequence[Post], rows: Ints, store: FeatureStore | None, model: RelationConfig, data: Path
) -> Ints | None:
    """Find the detected object that overlaps most with the box of each such mention.

    Args:
        posts: Of a split.
        rows: (n,) row of each one's photo in the store, -1 for none.
        store: The feature shards.
        model: Its configuration, which says whether it reads such mentions.
        data: The data set, for messages.

    Returns:
        (n, 2) number of the object that is head and tail, -1 for a mention in the text, and for a box that no detected
        object overlaps, which is read as the word in its place; None where all mentions are in the text.

    Raises:
        UserError: The model does not read such mentions, or there are no features of a photo; names the first post.
    """
    boxed = [row for row, post in enumerate(posts) if names_object(post)]
    if not boxed:
        return None
    first = posts[boxed[0]]
    if not model.reads.boxes:
        fault = f"its head or tail is a box in the photo, and {NO_BOXES}"
        hint = "Train model.name=dgf-pt, which reads the object that is there; or leave such rows out of the data."
        raise UserError(f"{data}: post {first.id}: {fault}", hint)
    if store is None:
        fault = "its head or tail is a box in the photo, and no features were given"
        raise UserError(f"{data}: post {first.id}: {fault}", "`dgf extract-features` makes them; give --features.")
    if (unseen := next((posts[row] for row in boxed if rows[row] < 0), None)) is not None:
        fault = f"its head or tail is a box in a photo that is not in {store.folder}"
        raise UserError(f"{data}: post {unseen.id}: {fault}", "Give --missing-images skip to leave such posts out.")

    seen = read_seen(store.folder, {store.image_ids[rows[row]] for row in boxed})
    found, overlaps = np.full((len(posts), 2), -1, np.int64), []
    for row in boxed:
        objects = seen[store.image_ids[rows[row]]]
        found[row], of_row = objects_of_boxes(posts[row], objects.boxes, objects.size)
        overlaps.extend(of_row)
    alike, none = sum(overlap >= SAME for overlap in overlaps), sum(overlap == 0 for overlap in overlaps)
    _log.info(
        "%s: of %d boxes that are mentions, %d are of a detected object (overlap from %s), %d of none: read as a word",
        data, len(overlaps), alike, SAME, none,
    )  # fmt: skip
    return found


def names_object(post: Post) -> bool:
    """Whether a mention of a post is a box in its photo."""
    return post.head.box is not None or post.tail.box is not None


def objects_of_boxes(post: Post, boxes: NDArray[Any], size: tuple[int, int]) -> tuple[tuple[int, int], list[float]]:
    """Find which objects of its photo the mentions of a post are.

    Args:
        post: Its mentions may be boxes.
        boxes: (n, 4) of the objects, x1 y1 x2 y2 in pixels.
        size: (height, width) of the photo.

    Returns:
        The number of the object that is head and tail, -1 for none, and how much the box of each such mention overlaps
        with it.
    """
    found, overlaps = [-1, -1], []
    for place, mention in enumerate((post.head, post.tail)):
        if mention.box is not None:
            found[place], overlap = _nearest(mention.box, boxes, size)
            overlaps.append(overlap)
    return (found[0], found[1]), overlaps


def _nearest(mention: PhotoBox, boxes: NDArray[Any], size: tuple[int, int]) -> tuple[int, float]:
    """The number of the object that overlaps most with a mention's box, and how much; -1 and 0 where none does."""
    height, width = size
    box = np.array([mention], np.float64) * [width, height, width, height]  # (1, 4)
    overlap = overlap_of_boxes(box, np.asarray(boxes, np.float64))[0]  # (n,)
    if not overlap.size or overlap.max() == 0:
        return -1, 0.0
    best = int(overlap.argmax())
    return best, float(overlap[best])
