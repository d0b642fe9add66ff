"""A model over the rows of a split, and its answers: what `dgf eval` scores and `dgf predict` hands out."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from dgf.model.checkpoint import load_model
from dgf.model.counterfactuals import measure_effects
from dgf.model.interface import RelationModel
from dgf.model.labels import LabelSpace
from dgf.pipeline.errors import UserError
from dgf.pipeline.features import FeatureStore
from dgf.pipeline.posts import Post
from dgf.workflows.config import TrainConfig
from dgf.workflows.data import OF_FILES, BatchMaker, Corpus, Split, by_length, prepare_splits
from dgf.workflows.devices import autocast, store_frozen
from dgf.workflows.training.run_folder import RunFolder

Floats = NDArray[np.float32]

_log = logging.getLogger(__name__)

ALWAYS = {"id", "head", "tail", "relation", "probability", "best"}
SOMETIMES = {"types", "protocol", "attributions", "found", "gates"}
"""Keys of an answer; `found` of mentions that were not given, `gates` stood in those of older versions."""
WITHOUT_ANSWER = {"id", "error", "line"}
"""Keys of a line of `dgf predict` for a post that could not be answered."""

TOP = 3
"""Relations listed with their probability for each row."""


@dataclass(frozen=True, slots=True)
class Predictions:
    """What a model says of n rows, in the order of the split.

    Args:
        log_probs: (n, R) log-probability of each relation.
        type_log_probs: (n, 2, T) of head and tail types; None where the model predicts none.
        relevance: (n, 2, K) weight of each object for head and tail; zeros without a photo.
        mention_weights: (n, 2, K) weight of each object at the words of head and tail; zeros without a photo.
        photo: (n,) effect of the photo on the log-probability of the predicted relation; None where not measured.
        objects: (n, K) effect of each object.
        caption: (n,) effect of the caption.
    """

    log_probs: Floats
    type_log_probs: Floats | None = None
    relevance: Floats | None = None
    mention_weights: Floats | None = None
    photo: Floats | None = None
    objects: Floats | None = None
    caption: Floats | None = None

    @property
    def relations(self) -> NDArray[np.int64]:
        """(n,) id of the most probable relation."""
        return np.asarray(self.log_probs.argmax(axis=1), np.int64)

    def attributions(self, row: int, *, photo: bool) -> dict[str, Any]:
        """What one prediction came from, as far as it is known: where the model looked, and what masking changes.

        Without features of its `photo`, a row has nothing but a caption to be explained by.
        """
        looked = {"relevance": self.relevance, "alpha": self.mention_weights} if photo else {}
        shown: dict[str, Any] = {
            name: {"head": _list(weights[row, 0]), "tail": _list(weights[row, 1])}
            for name, weights in looked.items()
            if weights is not None
        }
        effects = {"photo": self.photo, "objects": self.objects} if photo else {}
        effects["caption"] = self.caption
        measured = {name: _list(values[row]) for name, values in effects.items() if values is not None}
        return shown | ({"effects": measured} if measured else {})


def predict(
    model: RelationModel,
    maker: BatchMaker,
    *,
    batch_size: int,
    device: torch.device,
    precision: str,
    title: str | None,
    explain: bool = False,
    after_batch: Callable[[], object] | None = None,
) -> Predictions:
    """Run a model over every row, in evaluation mode and without gradients; rows of like length go together.

    `explain` also measures what photo, objects and caption did for each prediction, which reads a row again for
    each of them. There is a bar where there is a `title`. `after_batch` is called after each;
    what it raises ends the rest.
    """
    model.eval()
    columns: dict[str, Floats] = {}
    count = len(maker.examples)
    bar = tqdm(total=count, desc=title, unit="row", leave=False, dynamic_ncols=True, disable=title is None)
    with bar, torch.inference_mode(), autocast(device, precision):
        for rows in by_length(maker.examples.lengths, batch_size):
            batch = maker(rows).to(device)
            output = model(batch)
            shown = output.attributions
            found = {"log_probs": output.log_probs, "type_log_probs": output.type_log_probs}
            found |= {"relevance": shown.relevance, "mention_weights": shown.mention_weights}
            if explain:
                effects = measure_effects(model, batch, output.log_probs, at_once=batch_size)
                found |= {"photo": effects.photo, "objects": effects.objects, "caption": effects.caption}
            for name, value in found.items():
                if value is not None and 0 not in value.shape[1:]:
                    array = value.float().cpu().numpy()
                    columns.setdefault(name, np.zeros((count, *array.shape[1:]), np.float32))[rows] = array
            bar.update(len(rows))
            if after_batch is not None:
                after_batch()
    return Predictions(**columns)


@dataclass(frozen=True, slots=True)
class Answers:
    """Rows, and what a model says of them.

    Args:
        split: The rows, and the outcome of looking for their photos.
        predictions: Of each row.
        labels: The model's.
        protocol: What must stand beside every figure, or None.
    """

    split: Split
    predictions: Predictions
    labels: LabelSpace
    protocol: str | None

    def rows(self, top: int | None = TOP) -> Iterator[dict[str, Any]]:
        """Make one object a row: who, which relation, how surely, and by what. No gold relation.

        `best` lists the `top` relations; None for all.
        """
        labels, examples = self.labels, self.split.batches.examples
        read = None if self.split.batches.captions is None else examples.caption_rows
        probabilities = np.exp(self.predictions.log_probs)
        order = np.argsort(-probabilities, axis=1, kind="stable")[:, :top]
        ranked = zip(
            examples.posts, order.tolist(), np.take_along_axis(probabilities, order, axis=1).tolist(), strict=True
        )
        for i, (post, best, sure) in enumerate(ranked):
            row: dict[str, Any] = {
                "id": post.id,
                "head": post.head.text,
                "tail": post.tail.text,
                "relation": labels.relations[best[0]],
                "probability": _rounded(sure[0]),
                "best": {labels.relations[k]: _rounded(value) for k, value in zip(best, sure, strict=True)},
            }
            if self.predictions.type_log_probs is not None:
                head, tail = self.predictions.type_log_probs[i].argmax(axis=-1)
                row["types"] = [labels.types[int(head)], labels.types[int(tail)]]
            if self.protocol:
                row["protocol"] = self.protocol
            photo, caption = bool(examples.image_rows[i] >= 0), read is not None and bool(read[i] >= 0)
            if (photo or caption) and (attributions := self.predictions.attributions(i, photo=photo)):
                row["attributions"] = attributions
            yield row


def answer(
    folder: RunFolder,
    config: TrainConfig,
    corpus: Corpus,
    posts: Sequence[Post],
    *,
    device: torch.device,
    batch_size: int,
    split: str,
    title: str | None = None,
    explain: bool = False,
) -> Answers:
    """Load a finished run's model and predict every post; `config` is the run's, its `data` section that of the posts.

    Captions of files are looked for under the name of the `split`; the progress bar has the `title`, if there is one.

    Raises:
        UserError: If features or captions are not of the kind the run was trained on, or photos are missing.
    """
    _check_captions(corpus, config, folder)
    model = load_model(folder.path).to(device)
    _check_features(corpus, folder, model)
    store_frozen(model.language_model, device, config.precision, config.dtype)
    prepared = prepare_splits(corpus, {split: posts}, model, config, device, pool=True)[split]
    predictions = predict(
        model,
        prepared.batches,
        batch_size=batch_size,
        device=device,
        precision=config.precision,
        title=title or split,
        explain=explain,
    )
    return Answers(prepared, predictions, model.labels, model.config.protocol)


def _check_features(corpus: Corpus, folder: RunFolder, model: RelationModel) -> None:
    facts = folder.read_data()
    if corpus.store is None:
        return
    if facts["features"] is None:
        raise UserError(f"{folder.path}: was trained on text alone and cannot read features", "Leave out --features.")
    if corpus.store.fingerprint != facts["features"]:
        raise UserError(
            f"{corpus.store.folder}: these features were made in another way than those {folder.path} was trained on"
            + _other_shapes(corpus.store, model),
            "Extract them with the same detector, weights and options (`dgf inspect` shows both).",
        )


def _other_shapes(store: FeatureStore, model: RelationModel) -> str:
    """How the sizes of a photo's features differ from those that a model reads; nothing where they do not."""
    said, now = "", store.block_shape
    if model.config.reads.image == "blocks" and (then := model.block_shape) is not None and now != then:
        said += f"; its image blocks are {now[0]} x {now[1]}, the run's were {then[0]} x {then[1]}"
    if model.object_dim not in (0, store.object_dim):
        said += f"; its objects have {store.object_dim} numbers each, the run's had {model.object_dim}"
    return said


def _check_captions(corpus: Corpus, config: TrainConfig, folder: RunFolder) -> None:
    """Refuse captions of another captioner; say of files, which do not tell who wrote them, that they are others."""
    now, before = corpus.captioner, folder.read_data()["captioner"]
    if now is None or now == before:
        return
    if before is None:
        raise UserError(f"{folder.path}: was trained without captions and cannot read any", "Leave out --captions.")
    if not (now.startswith(OF_FILES) or before.startswith(OF_FILES)):
        raise UserError(
            f"{config.data.captions}: these captions are of another captioner than those {folder.path} was trained on",
            "Caption the photos with the same checkpoint, beams and length.",
        )
    _log.warning(
        "warning: these captions are not those that %s was trained on: are they of the same captioner?", folder.path
    )


def _list(values: Any) -> Any:
    return [_rounded(value) for value in values] if values.ndim else _rounded(values)


def _rounded(value: Any) -> float:
    return round(float(value), 6)
