"""`dgf train`: from shards and text to a run folder."""

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dgf.model.backbone import Backbone
from dgf.model.checkpoint import FORMAT
from dgf.model.interface import EncodesCaptions, RelationModel, TakesTrainingRows
from dgf.model.labels import LabelSpace
from dgf.model.networks import build_model
from dgf.pipeline.errors import UserError
from dgf.pipeline.files import exclusive
from dgf.pipeline.posts import NONE, Post
from dgf.pipeline.shards import FC7, PYRAMID, ShardFolder
from dgf.pipeline.storage.mirror import name_addresses
from dgf.workflows.config import TrainConfig, as_recorded, dump_config
from dgf.workflows.data import (
    Corpus,
    Split,
    caption_files,
    caption_folder,
    draw_rows,
    inputs_of,
    open_corpus,
    prepare_splits,
    read_configured,
    train_tokenizer,
)
from dgf.workflows.devices import autocast, check_dtype, choose_device, store_frozen
from dgf.workflows.environment import describe_environment
from dgf.workflows.located import bring_inputs
from dgf.workflows.sharing.card import write_card
from dgf.workflows.training.curves import check_board
from dgf.workflows.training.digests import digest_of_weights, digests_of
from dgf.workflows.training.language_models import open_language_model
from dgf.workflows.training.launch import Ready, helped
from dgf.workflows.training.loop import run_epochs
from dgf.workflows.training.optimizer import make_optimizer
from dgf.workflows.training.processes import joined, own_device, rank_here
from dgf.workflows.training.run_folder import RunFolder
from dgf.workflows.training.state import Trainer
from dgf.workflows.training.summary import summarize, write_summary

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """What `dgf train` was asked.

    Args:
        config: The resolved configuration.
        out: The run folder.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        resume: Continue from the last checkpoint where there is one.
        fetch: Whether the language model was named, so that it may be fetched from a hub.
        processes: Processes of this machine, each with a GPU of its own or all on the CPU.
        tensorboard: Log for TensorBoard too.
    """

    config: TrainConfig
    out: Path
    device: str = "auto"
    resume: bool = False
    fetch: bool = True
    processes: int = 1
    tensorboard: bool = False


@dataclass(frozen=True, slots=True)
class TrainSummary:
    """How training ended.

    Figures are the validation split's, `text_only` counts training rows without a photo, and `negative` is the relation
    that figures leave out. `cost` is what `summary.json` says.
    """

    out: Path
    epochs: int
    best_epoch: int
    best_f1: float
    rows: int
    text_only: int
    skipped: tuple[str, ...]
    cost: Mapping[str, Any]
    negative: str | None


def train(settings: TrainSettings) -> TrainSummary:
    """Train a model and leave the best one, by validation micro F1, in the run folder.

    Raises:
        UserError: If the data, the features or the run folder do not serve; nothing is written then.
        TerminatedError: SIGTERM came; the run is saved where it stood.
    """
    if settings.processes == 1:
        return _train(settings, lambda: None)
    with helped(settings.processes, _train, settings) as ready:
        return _train(settings, ready)


def _train(settings: TrainSettings, ready: Ready) -> TrainSummary:
    """Train as one of the processes that a launcher started, if it started any; the first writes the run folder."""
    config, folder, first = settings.config, RunFolder(settings.out), rank_here() == 0
    if first:
        config = check_run_folder(folder, config, resume=settings.resume)
    elif folder.begun:
        config = as_recorded(config, folder.config_file)
    if settings.tensorboard:
        check_board()
    device = own_device(choose_device(settings.device))
    check_dtype(device, config.precision, config.dtype)

    # the data, and a model of its labels and its features' shapes; frozen weights in what they are computed in
    here = replace(config, data=bring_inputs(config.data))
    dataset = read_configured(here.data)
    corpus = open_corpus(here, dataset, device)
    posts = {"train": draw_rows(corpus.split("train"), config), "val": corpus.split("val")}
    model = _build_model(config, corpus, posts["train"], settings.fetch).to(device)
    if config.optim.adversarial and not model.language_model.embeddings.requires_grad:
        message = "optim.adversarial: moves word embeddings that learn, and these are not trained"
        raise UserError(message, "Set model.plm=full, or optim.adversarial=0.")
    weights = digest_of_weights(model.language_model.model) if first else ""
    store_frozen(model.language_model, device, config.precision, config.dtype)
    if config.checkpoint_activations:
        _checkpoint_activations(model)
    pool = isinstance(model, EncodesCaptions) and not model.captions_change
    splits = prepare_splits(corpus, posts, model, here, device, pool=pool)
    for name, split in splits.items():
        if unlabeled := int((split.batches.examples.relations < 0).sum()):
            message = f"{unlabeled} rows of the split {name} have no relation"
            raise UserError(message, "Training needs a relation in every row.")
    train_split, val_split = splits["train"], splits["val"]
    faults = (name_addresses(str(fault)) for fault in dataset.faults)
    skipped = (*train_split.placed.skipped, *val_split.placed.skipped, *faults)

    # what the model takes from the training rows before any step
    if isinstance(model, TakesTrainingRows):
        batches = train_split.batches
        with autocast(device, config.precision):
            model.prepare(torch.from_numpy(batches.examples.relations), lambda chosen: batches(np.asarray(chosen)))

    # the run folder, and the loop
    rows = len(train_split.batches.examples)
    optimizer, schedule = make_optimizer(model, config.optim, rows)
    facts = _training_facts(here, corpus, splits, model.labels, weights, skipped) if first else {}
    with _claimed(folder, config, model.labels.relations, facts) if first else nullcontext():
        ready()
        with joined(device) as processes:
            trainer = Trainer(
                model, optimizer, schedule, config, device, train_split.batches, val_split.batches, processes
            )
            progress = run_epochs(trainer, folder, tensorboard=settings.tensorboard)
            cost = summarize(progress.metrics, device, processes.count, trainer.learning)
        if first:
            write_summary(folder.path, cost)
            write_card(folder)
    return TrainSummary(
        out=folder.path,
        epochs=progress.epoch,
        best_epoch=progress.best_epoch,
        best_f1=progress.best_f1,
        rows=rows,
        text_only=train_split.placed.text_only,
        skipped=skipped,
        cost=cost,
        negative=model.labels.negative,
    )


@contextmanager
def _claimed(
    folder: RunFolder, config: TrainConfig, relations: Sequence[str], facts: Mapping[str, Any]
) -> Iterator[None]:
    """Hold the run folder for this process, begun with these facts or found to have been."""
    folder.path.mkdir(parents=True, exist_ok=True)
    with exclusive(folder.path):
        folder.clean()
        if folder.begun:
            folder.check_data(facts)
        else:
            folder.begin(config, relations, facts, describe_environment())
        yield


def check_run_folder(folder: RunFolder, config: TrainConfig, *, resume: bool) -> TrainConfig:
    """See that a run of this configuration may begin in the folder, or continue there if `resume` says so.

    Returns:
        The configuration to train with: that of a run which an older version began has keys that it knew nothing of.

    Raises:
        UserError: It holds something else.
    """
    if folder.begun:
        if not resume:
            raise UserError(
                f"{folder.path}: holds a run already", "Add --resume to continue it, or name another --out."
            )
        begun, config = folder.load_config(), as_recorded(config, folder.config_file)
        before, now = dump_config(begun).splitlines(), dump_config(config).splitlines()
        if before != now:
            changed = "; ".join(line.strip() for line in now if line not in before) or "a key is gone"
            raise UserError(
                f"{folder.path}: cannot resume with another configuration (now {changed})",
                f"`dgf train --resume --out {folder.path}` continues as begun; name another --out for a new run.",
            )
    elif folder.foreign:
        raise UserError(f"{folder.path}: holds {folder.foreign[0]} and no run", "Name another --out.")
    return config


def _build_model(config: TrainConfig, corpus: Corpus, posts: Sequence[Post], fetch: bool) -> RelationModel:
    """Build the model on its language model, which gets a tokenizer of the training posts' sentences if it has none."""
    labels = LabelSpace.from_relations(corpus.dataset.relations, corpus.type_names, corpus.dataset.negative)
    sentences = [post.tokens for post in posts]
    language_model = open_language_model(config.language_model, config.model.seed, fetch=fetch, sentences=sentences)
    if language_model.tokenizer is None:
        language_model.tokenizer = train_tokenizer(map(" ".join, sentences), language_model.vocab_size)
    store, reads = corpus.store, config.model.reads
    block_shape = None
    if store and reads.image is not None:
        block_shape = {"blocks": store.block_shape, "fc7": (1, FC7), "pyramid": PYRAMID}[reads.image]
    object_dim = store.object_dim if store and reads.objects else 0
    model = build_model(config.model, labels, language_model, object_dim, block_shape)
    if config.word_vectors and rank_here() == 0:
        _log.warning("warning: %s", config.word_vectors)
    return model


def _checkpoint_activations(model: RelationModel) -> None:
    backbones = [part for _, part in model.named_modules() if isinstance(part, Backbone)]
    if not backbones:
        fault = "checkpoint_activations: this model has no layers of a language model to compute again"
        raise UserError(fault, "Leave it at false.")
    for backbone in backbones:
        backbone.checkpoint_activations()


def _training_facts(
    config: TrainConfig,
    corpus: Corpus,
    splits: Mapping[str, Split],
    labels: LabelSpace,
    weights: str,
    skipped: tuple[str, ...],
) -> dict[str, Any]:
    """Gather what evaluation and a resumed run must know of the training data, and of the language model's weights."""
    split, store = splits["train"], corpus.store
    counts = Counter(post.relation for post in split.placed.posts)
    captions, negative = caption_folder(config.data), labels.negative
    seen = ShardFolder.open(store.folder, "features") if store else None
    return {
        **({"negative_label": negative} if negative not in (None, NONE) else {}),  # as runs from before it was a choice
        **({"photos_drawn": "exactly"} if config.data.image_share < 1 else {}),  # older versions drew others
        **({"types_file": asdict(corpus.type_file)} if corpus.type_file is not None else {}),
        **({"graphs_file": corpus.graphs.named} if corpus.graphs is not None else {}),
        **({"boxes_file": seen.settings["boxes"]} if seen and "boxes" in seen.settings else {}),
        "training_rows": {name: counts[name] for name in labels.relations},
        "rows": len(split.placed.posts),
        "network_format": FORMAT,
        "text_only_rows": split.placed.text_only,
        "skipped_rows": list(skipped),
        "features": store.fingerprint if store else None,
        "captioner": corpus.captioner,
        "extraction": seen.command if seen else None,
        "captioning": ShardFolder.open(captions, "captions").command if captions else None,
        "inputs": inputs_of(config.data, corpus.dataset),
        "digests": digests_of(
            splits, weights, store.folder if store else None, captions_by_name=bool(caption_files(config.data))
        ),
    }
