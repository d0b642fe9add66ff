"""A trained network's answers for the rows of a split: what `dgf eval` scores and `dgf predict` hands out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from dgf.model.dgf_pt.network import DGF
from dgf.pipeline.errors import UserError
from dgf.pipeline.posts import Post
from dgf.workflows.config import TrainConfig
from dgf.workflows.data.batches import BatchMaker, with_pooled_captions
from dgf.workflows.data.corpus import Corpus, make_batches, make_encoder, tokenize_captions
from dgf.workflows.data.photo_rows import Placed
from dgf.workflows.scoring.inference import Predictions, predict
from dgf.workflows.training.run_folder import RunFolder

TOP = 3
"""Relations listed with their probability for each row."""


@dataclass(frozen=True, slots=True)
class Answers:
    """Rows, what the network says of them, and what became of their photos."""

    network: DGF
    batches: BatchMaker
    placed: Placed
    predictions: Predictions

    def rows(self) -> Iterator[dict[str, Any]]:
        """One object a row: who, which relation, how surely, and what the gates did. No gold relation."""
        labels, examples = self.network.labels, self.batches.examples
        probabilities = np.exp(self.predictions.log_probs)
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
            if self.predictions.type_log_probs is not None:
                head, tail = self.predictions.type_log_probs[i].argmax(axis=-1)
                row["types"] = [labels.types[int(head)], labels.types[int(tail)]]
            if self.network.protocol:
                row["protocol"] = self.network.protocol
            if examples.image_rows[i] >= 0:
                row["gates"] = _gates(self.predictions, i)
            yield row


def answer(
    folder: RunFolder,
    config: TrainConfig,
    corpus: Corpus,
    posts: Sequence[Post],
    *,
    device: torch.device,
    batch_size: int,
    title: str,
) -> Answers:
    """Loads a run's network and predicts every post.

    Args:
        folder: A finished run.
        config: Its configuration, its `data` section replaced by that of the posts.
        corpus: Where the posts come from.
        posts: The rows.
        device: Where to compute.
        batch_size: Rows at once.
        title: Of the progress bar.

    Raises:
        UserError: If features or captions are not of the kind the run was trained on, or photos are missing.
    """
    _check_features(corpus, config, folder)
    network = DGF.from_pretrained(folder.path).to(device)
    tokenizer = network.language_model.tokenizer
    captions = tokenize_captions(corpus, tokenizer, config)
    encoder = make_encoder(tokenizer, network, config)
    batches, placed = make_batches(posts, corpus, captions, encoder, network.labels, config)
    [batches] = with_pooled_captions([batches], network, device)
    predictions = predict(
        network, batches, batch_size=batch_size, device=device, precision=config.precision, title=title
    )
    return Answers(network, batches, placed, predictions)


def _check_features(corpus: Corpus, config: TrainConfig, folder: RunFolder) -> None:
    facts: Mapping[str, Any] = folder.read_data()
    if corpus.store is None:
        return
    if facts["features"] is None:
        raise UserError(f"{folder.path}: was trained on text alone and cannot read features", "Leave out --features.")
    if corpus.store.fingerprint != facts["features"]:
        raise UserError(
            f"{corpus.store.folder}: these features were made in another way than those {folder.path} was trained on",
            "Extract them with the same detector, weights and options (`dgf inspect` shows both).",
        )
    if corpus.captioner is not None and corpus.captioner != facts["captioner"]:
        raise UserError(
            f"{config.data.captions}: these captions are of another captioner than those {folder.path} was trained on",
            "Caption the photos with the same checkpoint, beams and length.",
        )


def _gates(predictions: Predictions, i: int) -> dict[str, Any]:
    gates: dict[str, Any] = {}
    if predictions.object_weights is not None:
        gates["objects"] = [_rounded(w) for w in predictions.object_weights[i]]
    if predictions.image_gate is not None:
        gates["image"] = _rounded(predictions.image_gate[i])
    return gates


def _rounded(value: Any) -> float:
    return round(float(value), 6)
