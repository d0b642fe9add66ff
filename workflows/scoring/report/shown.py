"""The posts of an evaluation beside what the model said of each, what it was shown, and where the photo lies."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dgf.pipeline.features import SeenObjects, read_seen
from dgf.pipeline.photos import find_image
from dgf.pipeline.posts import Post
from dgf.workflows.data import Corpus
from dgf.workflows.scoring.answers import Answers


@dataclass(frozen=True, slots=True)
class ShownPost:
    """A post as a page shows it.

    Args:
        post: Its relation is the gold one.
        answer: Its object of `predictions.jsonl`.
        image_id: Under which the file of its photo is found; None where there is none.
        objects: What the model was shown of the photo; None where it ran without.
        caption: That the model read; "" for none.
        group: The heading it stands under; "" where posts are not grouped.
        note: A word about it.
    """

    post: Post
    answer: Mapping[str, Any]
    image_id: str | None = None
    objects: SeenObjects | None = None
    caption: str = ""
    group: str = ""
    note: str = ""


def show_posts(corpus: Corpus, answers: Answers, rows: Sequence[Mapping[str, Any]]) -> list[ShownPost]:
    """Join each row of an evaluation with its answer (of `rows`), its photo, the objects in it and its caption.

    Raises:
        UserError: The features cannot be read any more.
    """
    batches, store = answers.split.batches, corpus.store
    examples = batches.examples
    photos = [None if store is None or row < 0 else store.image_ids[row] for row in examples.image_rows]
    seen = {} if store is None else read_seen(store.folder, {photo for photo in photos if photo is not None})
    captions = [""] * len(examples)
    if batches.captions is not None and corpus.captions is not None and examples.caption_rows is not None:
        captions = [corpus.captions.texts[row] if row >= 0 else "" for row in examples.caption_rows]
    return [
        ShownPost(post, answer, find_image(corpus.dataset, post), None if photo is None else seen[photo], caption)
        for post, answer, photo, caption in zip(examples.posts, rows, photos, captions, strict=True)
    ]
