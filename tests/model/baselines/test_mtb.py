"""MTB against the values of the public entity-start BERT."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from transformers import BertConfig, BertModel

from dgf.model.baselines.configs import MTBConfig
from dgf.model.baselines.mtb import MTB
from dgf.model.baselines.sentence import SentenceEncoder
from dgf.model.batch import Batch
from dgf.model.labels import LabelSpace
from dgf.model.language_models import LanguageModel

LABELS = LabelSpace.from_relations(tuple(f"/per/per/r{i}" for i in range(6)))
MARKERS = 96
"""Words 96 to 99 of the hundred are the markers: head opens, closes, tail opens, closes."""
POOLED = ("bert.pooler.dense", "classifier")
"""What the [CLS] variant has beside a BERT."""


@pytest.fixture(scope="module")
def golden(shared_dir: Path) -> Any:
    return np.load(shared_dir / "golden" / "baselines" / "bert_entity.npz")


def weights_of(golden: Any, group: str) -> dict[str, torch.Tensor]:
    start = f"weight_{group}/"
    return {key.removeprefix(start): torch.from_numpy(golden[key]) for key in golden if key.startswith(start)}


def language_model(weights: Mapping[str, torch.Tensor]) -> LanguageModel:
    """The golden BERT, without its pooler."""
    bert = BertModel(
        BertConfig(
            vocab_size=100,
            hidden_size=48,
            num_hidden_layers=2,
            num_attention_heads=4,
            intermediate_size=64,
            max_position_embeddings=40,
        ),
        add_pooling_layer=False,
    )
    inner = {key.removeprefix("bert."): value for key, value in weights.items() if key.startswith("bert.")}
    bert.load_state_dict({key: value for key, value in inner.items() if not key.startswith("pooler.")})
    return LanguageModel(bert)


def build(golden: Any, dtype: torch.dtype) -> MTB:
    weights = weights_of(golden, "entity")
    model = MTB(MTBConfig(), LABELS, language_model(weights))
    with torch.no_grad():
        model.sentence.markers.copy_(weights["bert.embeddings.word_embeddings.weight"][MARKERS:])
        for name in ("pair_projection", "classifier"):
            part = model.pair if name == "pair_projection" else model.classifier
            part.weight.copy_(weights[f"{name}.weight"])
            part.bias.copy_(weights[f"{name}.bias"])
    return model.to(dtype).eval()


def rows(golden: Any) -> Batch:
    """The rows, their marker tokens under the numbers that markers have here."""
    ids = torch.from_numpy(golden["input/token_ids"])
    starts = torch.stack([torch.from_numpy(golden[f"input/{side}_start"]) for side in ("head", "tail")], 1)
    return Batch(
        tokens=torch.where(ids >= MARKERS, ids - MARKERS + 100, ids),
        token_mask=torch.from_numpy(golden["input/attention_mask"]).bool(),
        spans=torch.stack([starts, starts + 2], 2),
        relations=torch.from_numpy(golden["input/labels"]),
    )


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-5)])
def test_logits_and_loss_are_those_of_the_public_code(golden: Any, dtype: torch.dtype, tolerance: float) -> None:
    model, batch = build(golden, dtype), rows(golden)
    seen: list[torch.Tensor] = []
    model.classifier.register_forward_hook(lambda _, given, logits: seen.extend([given[0], logits]))
    output = model(batch)
    representation, logits = seen
    expected = torch.from_numpy(golden["output_entity/logits"]).to(dtype)
    torch.testing.assert_close(logits, expected, rtol=0 if tolerance < 1e-9 else tolerance, atol=tolerance)
    of_parts = torch.from_numpy(golden["output_entity/representation"]).to(dtype)
    torch.testing.assert_close(representation, of_parts, rtol=1e-5, atol=1e-5)
    loss = F.cross_entropy(logits, batch.relations)
    assert loss.item() == pytest.approx(float(golden["output_entity/loss"]), abs=tolerance)
    assert model.loss(output, batch)["total"].item() == pytest.approx(loss.item(), abs=1e-6)


@torch.no_grad()
def test_the_sentence_pooled_at_its_start_is_that_of_the_public_code(golden: Any) -> None:
    """No system here reads [CLS]: its pooler, which loading drops, is put on the states that MTB's encoder returns."""
    weights, batch = weights_of(golden, "cls"), rows(golden)
    sentence = SentenceEncoder(language_model(weights))
    sentence.markers.copy_(weights["bert.embeddings.word_embeddings.weight"][MARKERS:])
    states = sentence.double().eval()(batch.tokens, batch.token_mask)
    parts = {name: [weights[f"{name}.{part}"].double() for part in ("weight", "bias")] for name in POOLED}
    pooled = F.linear(states[:, 0], *parts["bert.pooler.dense"]).tanh()
    logits = F.linear(pooled, *parts["classifier"])
    torch.testing.assert_close(logits, torch.from_numpy(golden["output_cls/logits"]), rtol=0, atol=1e-10)
    loss = F.cross_entropy(logits, batch.relations)
    assert loss.item() == pytest.approx(float(golden["output_cls/loss"]), abs=1e-10)
