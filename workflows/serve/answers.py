"""What a loaded run says of posts, as the service hands it out: the objects of `dgf predict`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from dgf.workflows.predict.answer import Answer, Unanswered
from dgf.workflows.serve.batches import AnswerPosts, ServedPost

if TYPE_CHECKING:
    from dgf.workflows.predict.loaded_run import LoadedRun

_TRIED: Mapping[str, Any] = {"text": "Ann met Bo", "head": (0, 3), "tail": (8, 10)}


def answer_with(model: "LoadedRun", batch_size: int, photos: Path | None, top: int) -> AnswerPosts:
    """Make what answers posts by a run, `top` relations of each."""

    def answer(posts: Sequence[ServedPost]) -> list[Mapping[str, Any]]:
        outcomes = model.predict_many(posts, batch_size, photos=photos, on_error="return")
        return [object_of(outcome, post["id"], top) for outcome, post in zip(outcomes, posts, strict=True)]

    return answer


def try_run(model: "LoadedRun", *, photo: bool) -> str | None:
    """Answer a post, so that what cannot answer is told at once, and with a photo so that its networks are there.

    Returns:
        Why the run takes no photo; None where it does, or where none was to be tried.

    Raises:
        UserError: It cannot answer, or the networks for photos cannot be built.
    """
    model.predict(**_TRIED)
    shown = {**_TRIED, "image": Image.linear_gradient("L").convert("RGB")}
    outcome = next(model.predict_many([shown], 1, on_error="return")) if photo else None
    return outcome.error if isinstance(outcome, Unanswered) else None


def object_of(outcome: Answer | Unanswered, id: str, top: int) -> Mapping[str, Any]:
    """Make what is sent for a post of that id."""
    if isinstance(outcome, Unanswered):
        return {"id": id, "error": outcome.error}
    return {**outcome.row(top), "id": id}
