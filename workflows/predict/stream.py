"""Posts in, answers out, in their order, with no more in memory than a window of them."""

from collections.abc import Iterable, Iterator

from dgf.workflows.data import POOL
from dgf.workflows.predict.answer import AnsweredPost, Unanswered
from dgf.workflows.predict.answerer import PostAnswerer
from dgf.workflows.predict.photos import PostWithPhoto
from dgf.workflows.settings import MissingImages

Given = PostWithPhoto | Unanswered
"""A post to answer, or one that could not be read."""

HELD_BYTES = 64 << 20
"""Photos that Python code hands over in memory, of a window at most, but for the last one."""


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
    for part in _windows(given, POOL * batch_size if batch_size > 1 else 1):
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


def _windows(given: Iterable[Given], most: int) -> Iterator[list[Given]]:
    """Part posts into windows of at most so many; one ends early where photos in memory fill it."""
    part: list[Given] = []
    held = 0
    for one in given:
        part.append(one)
        held += one.held if isinstance(one, PostWithPhoto) else 0
        if len(part) == most or held >= HELD_BYTES:
            yield part
            part, held = [], 0
    if part:
        yield part
