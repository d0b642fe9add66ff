"""`dgf train`: from shards and text to a run folder."""

from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dgf.model.checkpoint import FORMAT, build_model
from dgf.model.interface import RelationModel
from dgf.model.labels import LabelSpace
from dgf.pipeline.errors import UserError
from dgf.pipeline.files import exclusive
from dgf.pipeline.posts import NONE
from dgf.pipeline.shards import FC7, ShardFolder
from dgf.workflows.config import TrainConfig, dump_config
from dgf.workflows.data import Corpus, Split, open_corpus, prepare_splits, read_configured, train_tokenizer
from dgf.workflows.devices import choose_device, store_frozen
from dgf.workflows.environment import describe_environment
from dgf.workflows.training.language_models import open_language_model
from dgf.workflows.training.loop import Trainer, run_epochs
from dgf.workflows.training.optimizer import make_optimizer
from dgf.workflows.training.run_folder import RunFolder


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """What `dgf train` was asked.

    Args:
        config: The resolved configuration.
        out: The run folder.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        resume: Continue from the last checkpoint where there is one.
        fetch: Whether the language model was named, so that it may be fetched from a hub.
    """

    config: TrainConfig
    out: Path
    device: str = "auto"
    resume: bool = False
    fetch: bool = True


@dataclass(frozen=True, slots=True)
class TrainSummary:
    """How training ended.

    Figures are the validation split's, `text_only` counts training rows without a photo, and `negative` is the relation
    that figures leave out.
    """

    out: Path
    epochs: int
    best_epoch: int
    best_f1: float
    rows: int
    text_only: int
    skipped: tuple[str, ...]
    rows_per_second: float
    negative: str | None


def train(settings: TrainSettings) -> TrainSummary:
    """Train a model and leave the best one, by validation micro F1, in the run folder.

    Raises:
        UserError: If the data, the features or the run folder do not serve; nothing is written then.
    """
    config, folder = settings.config, RunFolder(settings.out)
    _check_run_folder(folder, config, settings.resume)
    device = choose_device(settings.device)

    # the data, and a model of its labels and its features' shapes
    dataset = read_configured(config.data)
    corpus = open_corpus(config, dataset, device)
    posts = {name: corpus.split(name) for name in ("train", "val")}
    model = _build_model(config, corpus, settings.fetch).to(device)
    splits = prepare_splits(corpus, posts, model, config, device, pool=not model.captions_change)
    for name, split in splits.items():
        if unlabeled := int((split.batches.examples.relations < 0).sum()):
            message = f"{unlabeled} rows of the split {name} have no relation"
            raise UserError(message, "Training needs a relation in every row.")
    train_split, val_split = splits["train"], splits["val"]

    # the loop, its frozen weights in what they are computed in: captions have been read by then
    store_frozen(model, device, config.precision, config.dtype)
    rows = len(train_split.batches.examples)
    optimizer, schedule = make_optimizer(model, config.optim, rows)
    trainer = Trainer(model, optimizer, schedule, config, device, train_split.batches, val_split.batches)
    skipped = (*train_split.placed.skipped, *val_split.placed.skipped, *map(str, dataset.faults))
    facts = _training_facts(config, corpus, train_split, model.labels, skipped)
    folder.path.mkdir(parents=True, exist_ok=True)
    with exclusive(folder.path):
        folder.clean()
        if folder.begun:
            folder.check_data(facts)
        else:
            folder.begin(config, model.labels.relations, facts, describe_environment())
        progress, rates = run_epochs(trainer, folder)
    return TrainSummary(
        out=folder.path,
        epochs=progress.epoch,
        best_epoch=progress.best_epoch,
        best_f1=progress.best_f1,
        rows=rows,
        text_only=train_split.placed.text_only,
        skipped=skipped,
        rows_per_second=float(np.mean(rates)) if rates else 0.0,
        negative=model.labels.negative,
    )


def _check_run_folder(folder: RunFolder, config: TrainConfig, resume: bool) -> None:
    if folder.begun:
        if not resume:
            raise UserError(
                f"{folder.path}: holds a run already", "Add --resume to continue it, or name another --out."
            )
        before, now = dump_config(folder.load_config()).splitlines(), dump_config(config).splitlines()
        if before != now:
            changed = "; ".join(line.strip() for line in now if line not in before) or "a key is gone"
            raise UserError(
                f"{folder.path}: cannot resume with another configuration (now {changed})",
                f"`dgf train --resume --out {folder.path}` continues as begun; name another --out for a new run.",
            )
    elif folder.foreign:
        raise UserError(f"{folder.path}: holds {folder.foreign[0]} and no run", "Name another --out.")


def _build_model(config: TrainConfig, corpus: Corpus, fetch: bool) -> RelationModel:
    """Build the model on its language model, which gets a tokenizer of the training sentences if it has none."""
    labels = LabelSpace.from_relations(corpus.dataset.relations, corpus.type_names, corpus.dataset.negative)
    language_model = open_language_model(config.language_model, config.model.seed, fetch=fetch)
    if language_model.tokenizer is None:
        sentences = (" ".join(post.tokens) for post in corpus.split("train"))
        language_model.tokenizer = train_tokenizer(sentences, language_model.vocab_size)
    store, reads = corpus.store, config.model.reads
    block_shape = None
    if store and reads.image is not None:
        block_shape = store.block_shape if reads.image == "blocks" else (1, FC7)
    object_dim = store.object_dim if store and reads.objects else 0
    return build_model(config.model, labels, language_model, object_dim, block_shape)


def _training_facts(
    config: TrainConfig, corpus: Corpus, split: Split, labels: LabelSpace, skipped: tuple[str, ...]
) -> dict[str, Any]:
    """Gather what evaluation must know of the training data; `dgf eval` reads it."""
    counts = Counter(post.relation for post in split.placed.posts)
    captions, negative = config.data.captions, labels.negative
    return {
        **({"negative_label": negative} if negative not in (None, NONE) else {}),  # as runs from before it was a choice
        **({"types_file": asdict(corpus.type_file)} if corpus.type_file is not None else {}),
        "training_rows": {name: counts[name] for name in labels.relations},
        "rows": len(split.placed.posts),
        "network_format": FORMAT,
        "text_only_rows": split.placed.text_only,
        "skipped_rows": list(skipped),
        "features": corpus.store.fingerprint if corpus.store else None,
        "captioner": corpus.captioner,
        "extraction": ShardFolder.open(corpus.store.folder, "features").command if corpus.store else None,
        "captioning": ShardFolder.open(Path(captions), "captions").command if captions else None,
    }
