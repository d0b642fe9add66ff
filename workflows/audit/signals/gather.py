"""Everything that a data set and what lies beside it tell of its posts, as signals."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from dgf.pipeline.errors import UserError
from dgf.pipeline.features import FeatureStore
from dgf.pipeline.posts import Dataset
from dgf.workflows.audit.signals.base import Signal, number_signal
from dgf.workflows.audit.signals.of_photos import file_signals, shard_signals
from dgf.workflows.audit.signals.of_posts import post_signals, type_signals, types_of_labels
from dgf.workflows.audit.signals.row_files import read_row_file
from dgf.workflows.config import resolve_config
from dgf.workflows.data import Corpus, open_corpus, read_configured, read_types

LABELS = "labels"
"""Asks for the types in the names of the rows' own relations."""


@dataclass(frozen=True, slots=True)
class AuditSettings:
    """What `dgf audit` was asked of a data set.

    Args:
        data: The data set.
        split: The rows to score.
        features: Feature shards.
        types: A type file, or `labels`.
        crops: A file or folder of crops by row.
        phrases: A file or folder of words by row.
        captions: A folder of caption shards, or files.
        negative_label: The relation that means that there is none; None finds it by its name.
        on_error: What to do with a bad row.
        span_unit: What spans into a text count where they do not say.
        layout: Of the data set; None tells it by its files.
        seed: Of exchanges and halves.
    """

    data: Path
    split: str = "test"
    features: Path | None = None
    types: str | None = None
    crops: Path | None = None
    phrases: Path | None = None
    captions: tuple[Path, ...] = ()
    negative_label: str | None = None
    on_error: Literal["stop", "skip"] = "stop"
    span_unit: Literal["characters", "utf16"] = "characters"
    layout: str | None = None
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Gathered:
    """A data set and every signal that was found in it or beside it."""

    dataset: Dataset
    signals: tuple[Signal, ...]


def gather(settings: AuditSettings) -> Gathered:
    """Read the data set and everything that was named beside it.

    Raises:
        UserError: Something cannot be read, or does not belong to the posts.
    """
    corpus = _open(settings)
    dataset = corpus.dataset
    signals = post_signals(dataset)
    if settings.types is not None:
        pairs = types_of_labels(dataset) if settings.types == LABELS else read_types(Path(settings.types))
        if not pairs:
            raise UserError(f"{dataset.root}: no relation's name carries types", "Give --types a file.")
        signals += type_signals(pairs)
    if settings.crops is not None:
        crops = read_row_file(settings.crops, dataset)
        signals.append(number_signal("crops: how many", "crops", {post: len(names) for post, names in crops.items()}))
    if settings.phrases is not None:
        phrases = {post: tuple(words) for post, words in read_row_file(settings.phrases, dataset).items()}
        signals += _text_signals("phrases", phrases)
    if settings.captions:
        signals += _text_signals("captions", _captions(corpus, settings))
    signals += shard_signals(settings.features, dataset) if settings.features is not None else file_signals(dataset)
    return Gathered(dataset, tuple(signals))


def _open(settings: AuditSettings) -> Corpus:
    """Open the data set, with type file and files of captions as `dgf train` reads and counts them."""
    files = [str(path.absolute()) for path in settings.captions if not path.is_dir()]
    types = None if settings.types in (None, LABELS) else str(Path(str(settings.types)).absolute())
    data = {"path": str(settings.data), "captions": files or None, "types": types}
    how = {name: getattr(settings, name) for name in ("negative_label", "on_error", "span_unit", "layout")}
    config = resolve_config(data={**data, **how, "missing_images": "text-only"})
    return open_corpus(config, read_configured(config.data), torch.device("cpu"))


def _captions(corpus: Corpus, settings: AuditSettings) -> dict[str, tuple[str, ...]]:
    """The words of the caption of each post's photo."""
    folder = next((path for path in settings.captions if path.is_dir()), None)
    if folder is not None:
        if len(settings.captions) > 1 or settings.features is None:
            raise UserError(
                f"{folder}: a folder of captions needs --features, and no other captions beside it",
                "Captions in files (one line a photo) need none.",
            )
        store = FeatureStore.open(settings.features, folder)
        posts = corpus.dataset.posts
        texts = dict(zip(posts, store.captions([store.row(post.image_ids) for post in posts]), strict=True))
        return {post.id: tuple(text.split()) for post, text in texts.items() if text}
    found: dict[str, tuple[str, ...]] = {}
    if (table := corpus.captions) is not None:
        for split, of_split in corpus.dataset.splits.items():
            rows = table.find(split, of_split, np.full(len(of_split), -1)).tolist()
            found |= {
                post.id: tuple(table.texts[row].split()) for post, row in zip(of_split, rows, strict=True) if row >= 0
            }
    if not found:
        raise UserError(
            f"{', '.join(map(str, settings.captions))}: no caption of a photo that a post shows",
            "Give --captions of this data set.",
        )
    return found


def _text_signals(name: str, texts: dict[str, tuple[str, ...]]) -> list[Signal]:
    """How many words there are for each post, and which."""
    return [
        number_signal(f"{name}: how many words", name, {post: len(words) for post, words in texts.items()}),
        Signal(
            f"{name}: which words",
            name,
            {post: frozenset(word.casefold() for word in words) for post, words in texts.items()},
            content=True,
        ),
    ]
