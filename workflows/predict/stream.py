"""Posts in, answers out, in their order, with no more in memory than a window of them."""

from collections.abc import Iterable, Iterator
from itertools import islice

from dgf.workflows.data import POOL
from dgf.workflows.predict.answer import AnsweredPost, Unanswered
from dgf.workflows.predict.answerer import PostAnswerer
from dgf.workflows.predict.photos import PostWithPhoto
from dgf.workflows.settings import MissingImages

Given = PostWithPhoto | Unanswered
"""A post to answer, or one that could not be read."""


def answer_stream(
    answerer: PostAnswerer,
    given: Iterable[Given],
    *,
    batch_size: int,
    missing_images: MissingImages = "error",
    explain: bool = False,
    top: int | None = None,
) -> Iterator[tuple[Given, AnsweredPost | Unanswered]]:
    """Answer each post, and pair it with its answer; see `PostAnswerer.answer`.

    Some batches are read at once and their rows sorted by length, which saves padding; one row at a time has none to
    save, and is answered at once.
    """
    window = POOL * batch_size if batch_size > 1 else 1
    waiting = iter(given)
    while part := list(islice(waiting, window)):
        answers = iter(
            answerer.answer(
                [one for one in part if isinstance(one, PostWithPhoto)],
                batch_size=batch_size,
                missing_images=missing_images,
                explain=explain,
                top=top,
            )
        )
        for one in part:
            yield one, next(answers) if isinstance(one, PostWithPhoto) else one
