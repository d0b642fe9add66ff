"""What `dgf.load` gives: a trained run that answers posts which Python code hands over."""

import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, get_args, overload

from torch import Tensor

from dgf.pipeline.errors import UserError
from dgf.pipeline.faults import RowError, show_value
from dgf.pipeline.mentions import GivenMention, build_finder
from dgf.pipeline.posts import Dataset, MentionFinder, Post
from dgf.workflows.devices import choose_device
from dgf.workflows.predict.answer import Answer, Unanswered
from dgf.workflows.predict.answerer import PostAnswerer
from dgf.workflows.predict.given import posts_given
from dgf.workflows.predict.hub import locate_run
from dgf.workflows.predict.networks import WeightPlaces
from dgf.workflows.predict.photos import PhotoFolder
from dgf.workflows.predict.stream import Given, answer_stream
from dgf.workflows.sharing.push import push_run
from dgf.workflows.training.run_folder import RunFolder

_log = logging.getLogger(__name__)

Dtype = Literal["float32", "bfloat16"]
"""What a network may compute in."""

Pairs = Literal["given", "all"]
"""Which pairs of a post's mentions are answered."""

HowFound = str | Callable[[Any], Iterable[GivenMention]]
"""How mentions are found that are not given."""


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
        pairs: Pairs = ...,
        mentions: HowFound | None = ...,
    ) -> Iterator[Answer]: ...

    @overload
    def predict_many(
        self,
        posts: Dataset | Iterable[Mapping[str, Any] | Post],
        batch_size: int = ...,
        *,
        photos: str | os.PathLike[str] | None = ...,
        on_error: Literal["return"],
        pairs: Pairs = ...,
        mentions: HowFound | None = ...,
    ) -> Iterator[Answer | Unanswered]: ...

    def predict_many(
        self,
        posts: Dataset | Iterable[Mapping[str, Any] | Post],
        batch_size: int = 64,
        *,
        photos: str | os.PathLike[str] | None = None,
        on_error: Literal["raise", "return"] = "raise",
        pairs: Pairs = "given",
        mentions: HowFound | None = None,
    ) -> Iterator[Answer | Unanswered]:
        """Answer posts as they come, in their order; eight batches of them are in memory, whatever their number.

        Args:
            posts: Objects with what `predict` takes, or posts of `dgf.read`, or all it gives.
            batch_size: Posts that go through the network at once.
            photos: Folder that holds the photos, which no path leads out of; None for the data set's own, or where
                paths lead anywhere.
            on_error: What happens with a post that cannot be used: an error where its answer would come, or an
                `Unanswered` in its place.
            pairs: `all` also takes posts with `mentions`, a list of what head and tail may be, in place of these, and
                answers every ordered pair of them; that of 0 and 1 of the post a1 is called a1#0-1.
            mentions: Finds the mentions of posts that give none, and answers every pair of them (and of given ones):
                `rules`, a fallback (capitalized words and @names); `spacy:MODEL`; or a function from the text, or from
                the words where there is no text, to (start, end) or (start, end, type), in characters or in words.
                A post in which fewer than two are found has no answer.

        Raises:
            UserError: What is asked for is not there, a post cannot be used (`raise`), or the networks for photos
                cannot be built.
        """
        _check_choice("on_error", on_error, ("raise", "return"))
        _check_choice("pairs", pairs, get_args(Pairs))
        if type(batch_size) is not int or batch_size < 1:
            raise UserError(f"batch_size: {show_value(batch_size)} is not a whole number from 1 on")
        folder, every = _all_of(posts, photos)
        finder = None if mentions is None else build_finder(mentions)
        shown = _shown(every, folder, all_pairs=pairs == "all", finder=finder)
        return self._answers(shown, batch_size, stop=on_error == "raise")

    def _answers(self, shown: Iterator[Given], batch_size: int, *, stop: bool) -> Iterator[Answer | Unanswered]:
        for _, outcome in answer_stream(self._answerer, shown, batch_size=batch_size):
            if not isinstance(outcome, Unanswered):
                yield Answer.of_row(outcome.row)
            elif stop:
                raise UserError(f"post {outcome.id}: {outcome.error}")
            else:
                yield outcome

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
) -> tuple[Path | None, Iterable[Mapping[str, Any] | Post]]:
    """Find the folder of the photos, None where paths lead anywhere, and every post."""
    if isinstance(posts, Dataset):
        return posts.image_root if photos is None else Path(photos), posts.posts
    return None if photos is None else Path(photos), posts


def _shown(
    posts: Iterable[Mapping[str, Any] | Post],
    folder: Path | None,
    *,
    all_pairs: bool = False,
    finder: MentionFinder | None = None,
    with_relations: bool = False,
) -> Iterator[Given]:
    """Pair posts with what reads their photos; a relation that a mapping gives is not looked at unless it is wanted."""
    named = PhotoFolder(folder or Path())
    for number, post in enumerate(posts, 1):
        name = f"posts:{number}"  # as `dgf predict` calls those of posts.jsonl
        try:
            if isinstance(post, Post):
                yield named.show(post)
            elif isinstance(post, Mapping):
                yield from posts_given(
                    post,
                    name,
                    folder,
                    all_pairs=all_pairs or finder is not None,
                    finder=finder,
                    with_relation=with_relations,
                )
            else:
                raise RowError(f"must be a mapping or a post of `dgf.read`, not {show_value(post)}", "wrong type")
        except RowError as error:
            given = post.get("id") if isinstance(post, Mapping) else None
            yield Unanswered(str(given) if type(given) is int or isinstance(given, str) else name, str(error))


def _check_choice(name: str, value: object, allowed: tuple[str | None, ...]) -> None:
    if value not in allowed:
        raise UserError(f"{name}: {show_value(value)} is not one of {', '.join(map(repr, allowed))}")


def load_run(
    run: str | os.PathLike[str], device: str = "auto", dtype: Dtype | None = None, places: WeightPlaces | None = None
) -> LoadedRun:
    """Load a finished run: a folder, `hub:` and a name, or `demo`; see `dgf.load`.

    Raises:
        UserError: There is no such run, it has not ended, or the device or dtype is not there.
    """
    _check_choice("dtype", dtype, (None, *get_args(Dtype)))
    folder = RunFolder(locate_run(run))
    config, chosen = folder.finished_config(), choose_device(device)
    if dtype is not None:
        config = replace(config, precision=dtype, dtype="auto")
    if config.data.graphs is not None:
        _log.warning("warning: %s was trained on scene graphs of files; those of other posts are made of boxes", run)
    return LoadedRun(PostAnswerer(folder, config, chosen, places or WeightPlaces()))
