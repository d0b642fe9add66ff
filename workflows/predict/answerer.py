"""A trained run over posts in memory: its network, and the networks that see photos as its own were seen."""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dgf.model.checkpoint import load_model
from dgf.model.interface import EncodesCaptions
from dgf.pipeline.errors import UserError
from dgf.pipeline.features import FeatureTable
from dgf.pipeline.graphs import near_objects
from dgf.pipeline.jobs.in_memory import PhotoNetworks, SeenPhoto
from dgf.pipeline.photos import ImageError, digest
from dgf.pipeline.posts import Post
from dgf.workflows.config import TrainConfig
from dgf.workflows.data import (
    NO_BOXES,
    OF_FILES,
    Alignments,
    BatchMaker,
    Captions,
    Placed,
    Split,
    build_encoder,
    encode_captions,
    make_examples,
    names_object,
    objects_of_boxes,
)
from dgf.workflows.devices import autocast, store_frozen
from dgf.workflows.predict.answer import AnsweredPost, Unanswered
from dgf.workflows.predict.networks import WeightPlaces, open_networks
from dgf.workflows.predict.photos import PostWithPhoto
from dgf.workflows.scoring import Answers, predict
from dgf.workflows.settings import MissingImages
from dgf.workflows.training.run_folder import RunFolder

KEPT_PHOTOS = 256
"""Photos whose features stay in memory, for posts that show one again: some 0.1 MB each."""


class PostAnswerer:
    """The networks of a finished run, which answer any posts; those for photos are built when the first photo comes.

    A photo goes through them alone, so that no answer depends on the photos beside it. Posts are padded to the longest
    of their batch, which changes an answer by rounding at most.

    Attributes:
        folder: The run.
        labels: Its relations and types.
        captioned: Whether photos get a caption.
        network: The model, in evaluation mode.
    """

    def __init__(self, folder: RunFolder, config: TrainConfig, device: torch.device, places: WeightPlaces) -> None:
        model = load_model(folder.path).to(device)
        store_frozen(model.language_model, device, config.precision, config.dtype)
        self.folder = folder
        self.labels = model.labels
        self.network = model
        self._config = config
        self._device = device
        self._places = places
        self._facts = folder.read_data()
        self.captioned = self._facts["captioning"] is not None
        self._encoder = build_encoder(model, config.data.max_length)
        self._networks: PhotoNetworks | None = None
        self._kept: OrderedDict[str, SeenPhoto] = OrderedDict()

    def answer(
        self,
        shown: Sequence[PostWithPhoto],
        *,
        batch_size: int,
        missing_images: MissingImages = "error",
        explain: bool = False,
        top: int | None = None,
    ) -> list[AnsweredPost | Unanswered]:
        """Answer posts, in their order; `top` relations of each, None for all. One whose photo cannot be used is not.

        Raises:
            UserError: The networks for photos cannot be built.
        """
        rows, photos, refused = self._look(shown, missing_images)
        kept = [place for place in range(len(shown)) if place not in refused]
        posts = [shown[place].post for place in kept]
        posts = [post if post.relation is None else replace(post, relation=None) for post in posts]
        answers = self._rows(posts, rows[kept], photos, batch_size, explain, top) if posts else ()
        answered = dict(zip(kept, answers, strict=True))
        for place, answer in answered.items():
            if (found := shown[place].found) is not None:
                answer.row["found"] = found
        return [refused.get(place) or answered[place] for place in range(len(shown))]

    def loss(self, shown: Sequence[PostWithPhoto]) -> dict[str, Tensor]:
        """Return what training would minimize of these posts as one batch, `total`, and its parts; each has a relation.

        Raises:
            UserError: A post has no relation that the run knows, its photo cannot be used, or there is no post.
        """
        rows, photos, refused = self._look(shown, "error")
        posts = [one.post for one in shown]
        strange = (post for post in posts if post.relation not in self.labels.relations)
        if (post := next(strange, None)) is not None:
            raise UserError(
                f"post {post.id}: {post.relation!r} is none of the run's relations", "Give it as `relation`."
            )
        if (unseen := next(iter(refused.values()), None)) is not None:
            raise UserError(f"post {unseen.id}: {unseen.error}")
        if not posts:
            raise UserError("a loss needs a post", "Give at least one.")
        pool = isinstance(self.network, EncodesCaptions) and not self.network.captions_change
        maker = self._batches(posts, rows, photos, pool=pool)
        batch = maker(np.arange(len(posts))).to(self._device)
        with autocast(self._device, self._config.precision):
            return dict(self.network.loss(self.network(batch), batch))

    def _look(
        self, shown: Sequence[PostWithPhoto], missing_images: MissingImages
    ) -> tuple[np.ndarray, list[SeenPhoto], dict[int, Unanswered]]:
        """See the photos of posts: (n,) which of them each shows, -1 for none, the photos, and posts not to be used."""
        # each different photo once
        rows = np.full(len(shown), -1, np.int64)
        refused: dict[int, Unanswered] = {}
        photos: list[SeenPhoto] = []
        numbers: dict[str, int] = {}
        seen: dict[int, tuple[str, SeenPhoto] | ImageError] = {}  # the pairs of a post share what reads its photo
        for place, one in enumerate(shown):
            if one.photo is None:
                continue
            try:
                sha256, photo = self._see_once(one.photo, seen)
            except ImageError as error:
                if missing_images != "text-only":
                    name = next(iter(one.post.image_ids), "the photo")
                    refused[place] = Unanswered(one.post.id, f"photo {name}: {error}")
                continue
            rows[place] = numbers.setdefault(sha256, len(photos))
            if rows[place] == len(photos):
                photos.append(photo)

        # mentions that are objects of a photo
        for place, one in enumerate(shown):
            if place not in refused and names_object(one.post):
                lacking = "none was seen" if self._config.model.reads.boxes else NO_BOXES
                if rows[place] < 0 or not self._config.model.reads.boxes:
                    refused[place] = Unanswered(one.post.id, f"its head or tail is a box in the photo, and {lacking}")
        return rows, photos, refused

    def _rows(
        self,
        posts: Sequence[Post],
        rows: np.ndarray,
        photos: Sequence[SeenPhoto],
        batch_size: int,
        explain: bool,
        top: int | None,
    ) -> Iterable[AnsweredPost]:
        model, config = self.network, self._config
        maker = self._batches(posts, rows, photos, pool=True)
        predictions = predict(
            model,
            maker,
            batch_size=batch_size,
            device=self._device,
            precision=config.precision,
            title=None,
            explain=explain,
        )
        placed = Placed(tuple(posts), rows, (), (), maker.examples.caption_rows)
        answers = Answers(Split(maker, placed), predictions, model.labels, model.config.protocol)
        return (AnsweredPost(row, bool(there)) for row, there in zip(answers.rows(top), placed.shown, strict=True))

    def _batches(
        self, posts: Sequence[Post], rows: np.ndarray, photos: Sequence[SeenPhoto], *, pool: bool
    ) -> BatchMaker:
        reads = self._config.model.reads
        captions, caption_rows = self._captions(rows, photos, pool=pool)
        objects = _objects_of(posts, rows, photos)
        examples = make_examples(  # no types by id: two posts of a stream may have the same
            posts, rows, self._encoder, self.labels, reads.entity_types, {}, caption_rows, objects
        )
        table = FeatureTable(self._networks.layout, [photo.arrays for photo in photos]) if self._networks else None
        return BatchMaker(examples, table, captions, reads, self._align(photos))

    def _captions(
        self, rows: np.ndarray, photos: Sequence[SeenPhoto], *, pool: bool
    ) -> tuple[Captions | None, np.ndarray | None]:
        """The photos' captions (encoded if `pool` says so), and the row of each post's; None where the run has none."""
        if not self.captioned:
            return None, None
        told = np.array([*(bool(photo.caption) for photo in photos), False])  # one more answers for row -1
        caption_rows = np.where(told[rows], rows, -1)
        if not (self._config.model.reads.captions and photos):
            return None, caption_rows
        texts = [photo.caption for photo in photos]
        return encode_captions(texts, caption_rows, self.network, self._config, self._device, pool=pool), caption_rows

    def _align(self, photos: Sequence[SeenPhoto]) -> Alignments | None:
        """Which objects of each photo are related, by their boxes, for a model that reads it."""
        if self._config.model.reads.alignment is None or self._networks is None:
            return None
        edges = {}
        for row, photo in enumerate(photos):
            edges[row] = near_objects(*_boxes_of(photo))
        return Alignments(self._networks.layout.objects, edges)

    def _see_once(self, photo: Any, seen: dict[int, tuple[str, SeenPhoto] | ImageError]) -> tuple[str, SeenPhoto]:
        """See a photo, or take what came of it before from `seen`."""
        if (outcome := seen.get(id(photo))) is None:
            try:
                outcome = self._see(photo)
            except ImageError as error:
                outcome = error
            seen[id(photo)] = outcome
        if isinstance(outcome, ImageError):
            raise outcome
        return outcome

    def _see(self, photo: Any) -> tuple[str, SeenPhoto]:
        """Read and see a photo; gives back the digest of its file, too."""
        if self._facts["extraction"] is None:
            leave = "leave the photo out (on the command line: --missing-images text-only)"
            raise ImageError(f"{self.folder.path} was trained on text alone: {leave}")
        if str(self._facts["captioner"]).startswith(OF_FILES):
            raise ImageError(
                f"{self.folder.path} reads captions from files: only the command line takes some (--captions)"
            )
        data = photo()
        sha256 = digest(data)
        if (seen := self._kept.pop(sha256, None)) is None:
            if self._networks is None:
                self._networks = open_networks(self.folder, self._facts, self._places, str(self._device))
            seen = self._networks.see(data)
        self._kept[sha256] = seen
        if len(self._kept) > KEPT_PHOTOS:
            self._kept.popitem(last=False)
        return sha256, seen


def _objects_of(posts: Sequence[Post], rows: np.ndarray, photos: Sequence[SeenPhoto]) -> np.ndarray | None:
    """(n, 2) which objects of its photo each post's mentions are, -1 for words; None where all are words."""
    if not any(map(names_object, posts)):
        return None
    found = np.full((len(posts), 2), -1, np.int64)
    for place, post in enumerate(posts):
        if names_object(post):
            found[place], _ = objects_of_boxes(post, *_boxes_of(photos[rows[place]]))
    return found


def _boxes_of(photo: SeenPhoto) -> tuple[np.ndarray, tuple[int, int]]:
    """(n, 4) boxes of a photo's objects, and its height and width."""
    height, width = photo.arrays["image_size"].tolist()
    return photo.arrays["objects/boxes"][: int(photo.arrays["objects/count"])], (height, width)
