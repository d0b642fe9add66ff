"""What `dgf.load` gives: a trained run that answers posts which Python code hands over."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, overload

from torch import Tensor

from dgf.pipeline.errors import UserError
from dgf.pipeline.faults import RowError, show_value
from dgf.pipeline.posts import Dataset, Post
from dgf.workflows.demo.kept import find_run
from dgf.workflows.devices import choose_device
from dgf.workflows.predict.answer import Answer, Unanswered
from dgf.workflows.predict.answerer import PostAnswerer
from dgf.workflows.predict.given import post_given
from dgf.workflows.predict.hub import fetch_run, is_hub_name
from dgf.workflows.predict.networks import WeightPlaces
from dgf.workflows.predict.photos import PhotoFolder
from dgf.workflows.predict.stream import Given, answer_stream
from dgf.workflows.sharing.push import push_run
from dgf.workflows.training.run_folder import RunFolder

Dtype = Literal["float32", "bfloat16"]
"""What a network may compute in."""


class LoadedRun:
    """A trained run that answers posts; `dgf.load` makes one.

    Attributes:
        relations: Every relation that an answer may have, in id order.
        network: The model, a `torch.nn.Module` in evaluation mode.
    """

    def __init__(self, answerer: PostAnswerer) -> None:
        self.relations = answerer.labels.relations
        self.network = answerer.network
        self._answerer = answerer

    def predict(
        self,
        text: str | None = None,
        *,
        tokens: Sequence[str] | None = None,
        head: Any,
        tail: Any,
        image: Any = None,
        id: str | None = None,
    ) -> Answer:
        """Answer one post.

        Args:
            text: The sentence; or
            tokens: its words.
            head: The first mention: [start, end) in characters of the text or in words of the tokens; or its words,
                where they stand there once; or an object as in JSONL (`{"span": ..., "unit": ..., "type": ...}`).
            tail: The second mention.
            image: The photo: a path, the bytes of its file or a PIL image; None for none.
            id: Comes back in the answer.

        Raises:
            UserError: The post or its photo cannot be used.
        """
        post = {"text": text, "tokens": tokens, "head": head, "tail": tail, "image": image, "id": id}
        return next(self.predict_many([post], batch_size=1))

    @overload
    def predict_many(
        self,
        posts: Dataset | Iterable[Mapping[str, Any] | Post],
        batch_size: int = ...,
        *,
        photos: str | os.PathLike[str] | None = ...,
        on_error: Literal["raise"] = ...,
    ) -> Iterator[Answer]: ...

    @overload
    def predict_many(
        self,
        posts: Dataset | Iterable[Mapping[str, Any] | Post],
        batch_size: int = ...,
        *,
        photos: str | os.PathLike[str] | None = ...,
        on_error: Literal["return"],
    ) -> Iterator[Answer | Unanswered]: ...

    def predict_many(
        self,
        posts: Dataset | Iterable[Mapping[str, Any] | Post],
        batch_size: int = 64,
        *,
        photos: str | os.PathLike[str] | None = None,
        on_error: Literal["raise", "return"] = "raise",
    ) -> Iterator[Answer | Unanswered]:
        """Answer posts as they come, in their order; eight batches of them are in memory, whatever their number.

        Args:
            posts: Objects with what `predict` takes, or posts of `dgf.read`, or all it gives.
            batch_size: Posts that go through the network at once.
            photos: Folder that paths of photos are relative to; None for the data set's own, or the working folder.
            on_error: What happens with a post that cannot be used: an error where its answer would come, or an
                `Unanswered` in its place.

        Raises:
            UserError: A post cannot be used (`raise`), or the networks for photos cannot be built.
        """
        folder, every = _all_of(posts, photos)
        for _, outcome in answer_stream(self._answerer, _shown(every, folder), batch_size=batch_size):
            if not isinstance(outcome, Unanswered):
                yield Answer.of_row(outcome.row)
            elif on_error == "return":
                yield outcome
            else:
                raise UserError(f"post {outcome.id}: {outcome.error}")

    def loss(
        self, posts: Dataset | Iterable[Mapping[str, Any] | Post], *, photos: str | os.PathLike[str] | None = None
    ) -> dict[str, Tensor]:
        """Compute the loss of posts whose relations are known, all of them as one batch.

        Args:
            posts: As for `predict_many`, each with its `relation`.
            photos: Likewise.

        Returns:
            Scalars: `total`, which training minimizes and which has a gradient, and what it is made of.

        Raises:
            UserError: A post cannot be used, or its relation is none of the run's.
        """
        folder, every = _all_of(posts, photos)
        shown = []
        for outcome in _shown(every, folder, with_relations=True):
            if isinstance(outcome, Unanswered):
                raise UserError(f"post {outcome.id}: {outcome.error}")
            shown.append(outcome)
        return self._answerer.loss(shown)

    def push_to_hub(self, repository: str, *, private: bool = False) -> str:
        """Push the run to the Hugging Face hub, as `dgf push` does, and give back the address of its page.

        Args:
            repository: owner/name.
            private: Whether nobody else is to see it.

        Raises:
            UserError: The run cannot be shared, or the hub does not take it; says which.
        """
        return push_run(self._answerer.folder.path, repository, private=private)


def _all_of(
    posts: Dataset | Iterable[Mapping[str, Any] | Post], photos: str | os.PathLike[str] | None
) -> tuple[Path, Iterable[Mapping[str, Any] | Post]]:
    """Find the folder of the photos, and every post."""
    folder = Path(photos if photos is not None else posts.image_root if isinstance(posts, Dataset) else "")
    return folder, posts.posts if isinstance(posts, Dataset) else posts


def _shown(posts: Iterable[Mapping[str, Any] | Post], folder: Path, *, with_relations: bool = False) -> Iterator[Given]:
    """Pair posts with what reads their photos; a relation that a mapping gives is not looked at unless it is wanted."""
    named = PhotoFolder(folder)
    for number, post in enumerate(posts, 1):
        name = f"posts:{number}"  # as `dgf predict` calls those of posts.jsonl
        try:
            if isinstance(post, Post):
                yield named.show(post)
            elif isinstance(post, Mapping):
                yield post_given(post, name, folder, with_relation=with_relations)
            else:
                raise RowError(f"must be a mapping or a post of `dgf.read`, not {show_value(post)}", "wrong type")
        except RowError as error:
            given = post.get("id") if isinstance(post, Mapping) else None
            yield Unanswered(given if isinstance(given, str) else name, str(error))


def load_run(
    run: str | os.PathLike[str], device: str = "auto", dtype: Dtype | None = None, places: WeightPlaces | None = None
) -> LoadedRun:
    """Load a finished run: a folder, a name of the Hugging Face hub, or `demo`; see `dgf.load`.

    Raises:
        UserError: There is no such run, it has not ended, or the device or dtype is not there.
    """
    path = find_run(Path(run))
    if not path.exists() and is_hub_name(os.fspath(run)):
        path = fetch_run(os.fspath(run))
    folder = RunFolder(path)
    config, chosen = folder.finished_config(), choose_device(device)
    if dtype is not None:
        config = replace(config, precision=dtype, dtype="auto")
    return LoadedRun(PostAnswerer(folder, config, chosen, places or WeightPlaces()))
