"""`dgf eval`: a trained run over a split, to a report, predictions and a table."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from dgf.model.network import DGF
from dgf.pipeline.errors import UserError
from dgf.workflows.batches import BatchMaker, pool_captions, read_captions
from dgf.workflows.config import TrainConfig
from dgf.workflows.devices import choose_device
from dgf.workflows.inference import Predictions, predict
from dgf.workflows.metrics import Scores, score
from dgf.workflows.photos import Placed
from dgf.workflows.report import write_predictions, write_report
from dgf.workflows.run_folder import RunFolder
from dgf.workflows.task import Corpus, make_batches, make_encoder, open_corpus
from dgf.workflows.train import MAX_CAPTION

HONEST = "no label reaches a prediction"
TOP = 3
"""Relations listed with their probability for each row."""


@dataclass(frozen=True, slots=True)
class EvalSettings:
    """What `dgf eval` was asked; None takes what the run was trained on.

    Args:
        run: The run folder.
        split: Which rows.
        out: Where the report goes; None puts it into the run folder.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        batch_size: Rows at once.
        data: Changes to the run's `data` section (path, features, captions, types, missing_images, on_error).
    """

    run: Path
    split: str = "test"
    out: Path | None = None
    device: str = "auto"
    batch_size: int = 64
    data: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Where the report lies, what it says of the measuring, and the figures (None where no row has a relation)."""

    out: Path
    report: Mapping[str, Any]
    scores: Scores | None


def evaluate(settings: EvalSettings) -> Evaluation:
    """Predicts every row of a split and scores those that have a relation.

    Raises:
        UserError: If the run, the data or the features do not serve; nothing is written then.
    """
    folder = RunFolder(settings.run)
    config = folder.load_config()
    if not folder.finished:
        raise UserError(f"{folder.path}: training has not ended", f"`dgf train --resume --out {folder.path}` ends it.")
    facts = folder.read_data()
    config = replace(config, data=replace(config.data, image_share=1.0, **(settings.data or {})))
    device = choose_device(settings.device)
    corpus = open_corpus(config, device)
    posts = corpus.split(settings.split)
    _check_features(corpus, facts, folder.path)
    network = DGF.from_pretrained(folder.path).to(device)
    tokenizer = network.language_model.tokenizer
    captions = None
    if corpus.store is not None and corpus.store.has_captions and config.model.fusion:
        captions = pool_captions(read_captions(corpus.store, tokenizer, MAX_CAPTION), network, device)
    encoder = make_encoder(tokenizer, network, config)
    batches, placed = make_batches(posts, corpus, captions, encoder, network.labels, config)
    with tqdm(total=len(batches.examples), desc=settings.split, unit="row", leave=False, dynamic_ncols=True) as bar:
        predictions = predict(
            network,
            batches,
            batch_size=settings.batch_size,
            device=device,
            precision=config.precision,
            on_rows=bar.update,
        )
    scores = _score(batches, predictions, network, facts["training_rows"])
    report = _report(settings, config, corpus, placed, batches)
    out = settings.out or folder.path / f"eval-{settings.split}"
    out.mkdir(parents=True, exist_ok=True)
    write_predictions(out, _rows(batches, predictions, network))
    write_report(out, report, scores)
    return Evaluation(out, report, scores)


def _check_features(corpus: Corpus, facts: Mapping[str, Any], run: Path) -> None:
    trained_on = facts["features"]
    if corpus.store is not None and trained_on is not None and corpus.store.fingerprint != trained_on:
        raise UserError(
            f"{corpus.store.folder}: these features were made in another way than those {run} was trained on",
            "Extract them with the same detector, weights and options (`dgf inspect` shows both).",
        )
    if corpus.store is not None and trained_on is None:
        raise UserError(f"{run}: was trained on text alone and cannot read features", "Leave out --features.")


def _score(
    batches: BatchMaker, predictions: Predictions, network: DGF, training_rows: Mapping[str, int]
) -> Scores | None:
    gold = batches.examples.relations
    known = gold >= 0
    if not known.any():
        return None
    labels = network.labels
    return score(gold[known], predictions.relations[known], labels.relations, labels.none, training_rows)


def _report(
    settings: EvalSettings, config: TrainConfig, corpus: Corpus, placed: Placed, batches: BatchMaker
) -> dict[str, Any]:
    """How the figures came about: everything a reader must know before comparing them."""
    return {
        "run": str(settings.run),
        "data": str(corpus.dataset.root),
        "split": settings.split,
        "protocol": config.model.protocol or HONEST,
        "entity_types": config.model.entity_types,
        "metric": "accuracy over all rows; micro precision, recall and F1 without None",
        "rows": len(batches.examples),
        "rows_without_relation": int((batches.examples.relations < 0).sum()),
        "text_only_rows": placed.text_only,
        "rows_with_missing_photo": len(placed.missing),
        "skipped_rows": [*placed.skipped, *(str(fault) for fault in corpus.dataset.faults)],
        "features": corpus.store.fingerprint if corpus.store else None,
        "captions": corpus.store is not None and corpus.store.has_captions,
        "language_model": config.language_model,
        "seed": config.seed,
    }


def _rows(batches: BatchMaker, predictions: Predictions, network: DGF) -> Iterator[dict[str, Any]]:
    """One object a row: who, what was predicted, how surely, and what the gates did. No gold relation."""
    labels, examples = network.labels, batches.examples
    probabilities = np.exp(predictions.log_probs)
    for i, post in enumerate(examples.posts):
        best = np.argsort(-probabilities[i], kind="stable")[:TOP]
        row: dict[str, Any] = {
            "id": post.id,
            "head": post.head.text,
            "tail": post.tail.text,
            "relation": labels.relations[int(best[0])],
            "probability": _rounded(probabilities[i, best[0]]),
            "best": {labels.relations[int(r)]: _rounded(probabilities[i, r]) for r in best},
        }
        if predictions.type_log_probs is not None and labels.types:
            head, tail = predictions.type_log_probs[i].argmax(axis=-1)
            row["types"] = [labels.types[int(head)], labels.types[int(tail)]]
        if network.protocol:
            row["protocol"] = network.protocol
        if examples.image_rows[i] >= 0:
            row["gates"] = _gates(predictions, i)
        yield row


def _gates(predictions: Predictions, i: int) -> dict[str, Any]:
    gates: dict[str, Any] = {}
    if predictions.object_weights is not None:
        gates["objects"] = [_rounded(w) for w in predictions.object_weights[i]]
    if predictions.image_gate is not None:
        gates["image"] = _rounded(predictions.image_gate[i])
    return gates


def _rounded(value: Any) -> float:
    return round(float(value), 6)
