"""`dgf train`: from shards and text to a run folder."""

import math
import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR
from tqdm import tqdm
from transformers import PreTrainedTokenizerBase

from dgf.model.checkpoint import FORMAT
from dgf.model.dgf_pt.network import DGF
from dgf.model.dgf_pt.objective import joint_objective
from dgf.model.labels import LabelSpace
from dgf.model.language_model import load_language_model
from dgf.pipeline.errors import UserError
from dgf.pipeline.files import exclusive
from dgf.pipeline.shards import FC7, ShardFolder
from dgf.workflows.config import OptimConfig, TrainConfig, dump_config
from dgf.workflows.data.batches import BatchMaker, epoch_batches, with_pooled_captions
from dgf.workflows.data.corpus import Corpus, make_batches, make_encoder, open_corpus, tokenize_captions
from dgf.workflows.data.vocabulary import train_tokenizer
from dgf.workflows.devices import autocast, choose_device
from dgf.workflows.environment import describe_environment
from dgf.workflows.scoring.inference import predict
from dgf.workflows.scoring.metrics import Scores, score
from dgf.workflows.training.checkpoints import load_checkpoint, restore_trained, save_checkpoint, trained_state
from dgf.workflows.training.optimizer import make_optimizer
from dgf.workflows.training.run_folder import RunFolder


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """What `dgf train` was asked.

    Args:
        config: The resolved configuration.
        out: The run folder.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        resume: Go on from the last checkpoint where there is one.
        fetch: Whether the language model was named, so that it may be fetched from a hub.
    """

    config: TrainConfig
    out: Path
    device: str = "auto"
    resume: bool = False
    fetch: bool = True


@dataclass(frozen=True, slots=True)
class TrainSummary:
    """How training ended; figures are the validation split's, `text_only` counts training rows without a photo."""

    out: Path
    epochs: int
    best_epoch: int
    best_f1: float
    rows: int
    text_only: int
    skipped: tuple[str, ...]
    rows_per_second: float


@dataclass(slots=True)
class Progress:
    """Where a run stands; part of every checkpoint."""

    epoch: int = 0
    best_epoch: int = 0
    best_f1: float = -1.0
    metrics: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Trainer:
    """Everything the loop needs."""

    network: DGF
    optimizer: AdamW
    schedule: LambdaLR
    config: TrainConfig
    device: torch.device
    train: BatchMaker
    val: BatchMaker


def train(settings: TrainSettings) -> TrainSummary:
    """Trains a network and leaves the best one, by validation micro F1, in the run folder.

    Raises:
        UserError: If the data, the features or the run folder do not serve; nothing is written then.
    """
    config, folder = settings.config, RunFolder(settings.out)
    _check_run_folder(folder, config, settings.resume)
    device = choose_device(settings.device)
    corpus = open_corpus(config, device)
    train_posts, val_posts = corpus.split("train"), corpus.split("val")
    labels = LabelSpace.from_relations(corpus.dataset.relations, corpus.type_names)
    network, tokenizer = _build_network(config, labels, corpus, settings.fetch)
    network.to(device)
    captions = tokenize_captions(corpus, tokenizer, config)
    encoder = make_encoder(tokenizer, network, config)
    train_batches, placed = make_batches(train_posts, corpus, captions, encoder, labels, config)
    val_batches, val_placed = make_batches(val_posts, corpus, captions, encoder, labels, config)
    _check_labels(train_batches, val_batches)
    if not network.captions_change:
        train_batches, val_batches = with_pooled_captions([train_batches, val_batches], network, device)
    optimizer, schedule = make_optimizer(network, config.optim, len(train_batches.examples))
    trainer = Trainer(network, optimizer, schedule, config, device, train_batches, val_batches)

    skipped = (*placed.skipped, *val_placed.skipped, *(str(fault) for fault in corpus.dataset.faults))
    facts = _facts(trainer, corpus, placed.text_only, skipped)
    folder.path.mkdir(parents=True, exist_ok=True)
    with exclusive(folder.path):
        progress, rates = _run(trainer, folder, facts)
    return TrainSummary(
        out=folder.path,
        epochs=progress.epoch,
        best_epoch=progress.best_epoch,
        best_f1=progress.best_f1,
        rows=len(train_batches.examples),
        text_only=placed.text_only,
        skipped=skipped,
        rows_per_second=float(np.mean(rates)) if rates else 0.0,
    )


def _run(trainer: Trainer, folder: RunFolder, facts: dict[str, Any]) -> tuple[Progress, list[float]]:
    """Begins or goes on, epoch by epoch, to the network in the run folder; returns rows per second of each epoch."""
    network, config, schedule = trainer.network, trainer.config, trainer.schedule
    folder.clean()
    if folder.begun:
        folder.check_data(facts)
    else:
        folder.begin(config, network.labels.relations, facts, describe_environment())
    progress = _resume(trainer, folder) if folder.last.is_file() else Progress()
    rates = []
    while progress.epoch < config.optim.epochs and not _out_of_patience(progress, config.optim):
        progress.epoch += 1
        losses, rate = _train_epoch(trainer, progress.epoch)
        scores = validate(trainer)
        rates.append(rate)
        if scores.f1 > progress.best_f1:
            progress.best_epoch, progress.best_f1 = progress.epoch, scores.f1
            best = {"epoch": progress.best_epoch, "f1": progress.best_f1, "network": trained_state(network)}
            save_checkpoint(folder.best, best)
        record = _record(progress.epoch, losses, scores, rate, schedule)
        progress.metrics.append(record | ({"protocol": network.protocol} if network.protocol else {}))
        save_checkpoint(folder.last, _state(trainer, progress))
        folder.write_metrics(progress.metrics)
    restore_trained(network, load_checkpoint(folder.best)["network"], folder.best)
    network.save_pretrained(folder.path)
    return progress, rates


def _train_epoch(trainer: Trainer, epoch: int) -> tuple[dict[str, float], float]:
    """One pass over the training rows; returns mean losses and rows per second."""
    network, config, device = trainer.network, trainer.config, trainer.device
    torch.manual_seed(config.seed * 10_007 + epoch)  # a resumed run drops out what an undisturbed one does
    network.train()
    parameters = [p for group in trainer.optimizer.param_groups for p in group["params"]]
    sums: dict[str, float | Tensor] = defaultdict(float)  # on the device: reading each at every step would wait for it
    count = len(trainer.train.examples)
    started = time.perf_counter()
    title = f"epoch {epoch}/{config.optim.epochs}"
    with tqdm(total=count, desc=title, unit="row", leave=False, dynamic_ncols=True) as bar:
        for rows in epoch_batches(trainer.train, config.optim.batch_size, config.seed, epoch):
            batch = trainer.train(rows).to(device, non_blocking=True)
            with autocast(device, config.precision):
                losses = joint_objective(network(batch), batch, config.model)
            trainer.optimizer.zero_grad(set_to_none=True)
            losses.total.backward()
            norm = float(torch.nn.utils.clip_grad_norm_(parameters, config.optim.clip_norm))
            loss = float(losses.total.detach())
            if not math.isfinite(norm):
                raise UserError(
                    f"training diverged in epoch {epoch}: the gradient is {norm}",
                    "Lower optim.learning_rate (and optim.lm_learning_rate), or use precision=float32.",
                )
            trainer.optimizer.step()
            trainer.schedule.step()
            for part in fields(losses):
                sums[part.name] += getattr(losses, part.name).detach().double() * len(rows)
            bar.update(len(rows))
            bar.set_postfix(loss=f"{loss:.3f}", refresh=False)
    return {name: float(value) / count for name, value in sums.items()}, count / (time.perf_counter() - started)


def validate(trainer: Trainer) -> Scores:
    """Figures of the validation split."""
    examples = trainer.val.examples
    predictions = predict(
        trainer.network,
        trainer.val,
        batch_size=trainer.config.optim.batch_size,
        device=trainer.device,
        precision=trainer.config.precision,
        title="validation",
    )
    known = examples.relations >= 0
    labels = trainer.network.labels
    return score(examples.relations[known], predictions.relations[known], labels.relations, labels.none)


def _check_run_folder(folder: RunFolder, config: TrainConfig, resume: bool) -> None:
    if folder.begun:
        if not resume:
            raise UserError(
                f"{folder.path}: holds a run already", "Add --resume to go on with it, or name another --out."
            )
        before, now = dump_config(folder.load_config()).splitlines(), dump_config(config).splitlines()
        if before != now:
            changed = "; ".join(line.strip() for line in now if line not in before) or "a key is gone"
            raise UserError(
                f"{folder.path}: cannot resume with another configuration (now {changed})",
                f"`dgf train --resume --out {folder.path}` goes on as it was begun; name another --out for a new run.",
            )
    elif folder.foreign:
        raise UserError(f"{folder.path}: holds {folder.foreign[0]} and no run", "Name another --out.")


def _build_network(
    config: TrainConfig, labels: LabelSpace, corpus: Corpus, fetch: bool
) -> tuple[DGF, PreTrainedTokenizerBase]:
    language_model = load_language_model(config.language_model, config.model.seed, fetch=fetch)
    tokenizer = language_model.tokenizer
    if tokenizer is None:
        sentences = (" ".join(post.tokens) for post in corpus.split("train"))
        tokenizer = language_model.tokenizer = train_tokenizer(sentences, language_model.vocab_size)
    store = corpus.store
    network = DGF(
        config.model,
        labels,
        language_model,
        object_dim=store.object_dim if store else 0,
        block_shape=(store.block_shape if config.model.image_features == "blocks" else (1, FC7)) if store else None,
    )
    return network, tokenizer


def _check_labels(train_batches: BatchMaker, val_batches: BatchMaker) -> None:
    for name, batches in (("train", train_batches), ("val", val_batches)):
        unlabeled = int((batches.examples.relations < 0).sum())
        if unlabeled:
            raise UserError(
                f"{unlabeled} rows of the split {name} have no relation", "Training needs a relation in every row."
            )


def _out_of_patience(progress: Progress, optim: OptimConfig) -> bool:
    return optim.patience is not None and progress.epoch - progress.best_epoch >= optim.patience


def _state(trainer: Trainer, progress: Progress) -> dict[str, Any]:
    return {
        "network": trained_state(trainer.network),
        "optimizer": trainer.optimizer.state_dict(),
        "schedule": trainer.schedule.state_dict(),
        "progress": asdict(progress),
    }


def _resume(trainer: Trainer, folder: RunFolder) -> Progress:
    state = load_checkpoint(folder.last)
    restore_trained(trainer.network, state["network"], folder.last)
    progress = Progress(**state["progress"])
    # A kill between the two files leaves the best of an epoch that is now run again.
    best = load_checkpoint(folder.best)
    progress.best_epoch, progress.best_f1 = best["epoch"], best["f1"]
    trainer.optimizer.load_state_dict(state["optimizer"])
    trainer.schedule.load_state_dict(state["schedule"])
    return progress


def _record(epoch: int, losses: Mapping[str, float], scores: Scores, rate: float, schedule: LambdaLR) -> dict[str, Any]:
    figures = {name: getattr(scores, name) for name in ("accuracy", "precision", "recall", "f1", "macro_f1")}
    return {
        "epoch": epoch,
        "loss": dict(losses),
        "val": figures,
        "learning_rates": schedule.get_last_lr(),
        "rows_per_second": round(rate, 1),
    }


def _facts(trainer: Trainer, corpus: Corpus, text_only: int, skipped: tuple[str, ...]) -> dict[str, Any]:
    """What evaluation must know of the training data; `dgf eval` reads it."""
    examples = trainer.train.examples
    counts = Counter(post.relation for post in examples.posts)
    captions = trainer.config.data.captions
    return {
        "training_rows": {name: counts[name] for name in trainer.network.labels.relations},
        "rows": len(examples),
        "network_format": FORMAT,
        "text_only_rows": text_only,
        "skipped_rows": list(skipped),
        "features": corpus.store.fingerprint if corpus.store else None,
        "captioner": corpus.captioner,
        "extraction": ShardFolder.open(corpus.store.folder, "features").command if corpus.store else None,
        "captioning": ShardFolder.open(Path(captions), "captions").command if captions else None,
    }
