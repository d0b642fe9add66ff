"""VisualBERT beside values of transformers' own encoder, and what it is made of."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from dgf.model.baselines.configs import VisualBERTConfig
from dgf.model.baselines.sentence import SentenceEncoder
from dgf.model.baselines.visualbert import VisualBERT
from dgf.model.batch import Batch
from dgf.model.errors import ModelError
from dgf.model.language_models import load_language_model
from dgf.model.networks import build_model
from support.photo_rows import LABELS, OBJECT_DIM, SIZES, WORDS, build, draw_rows, published_bert, without_photos

CLOSE = {"rtol": 1e-5, "atol": 1e-5}
Arrays = Mapping[str, NDArray[Any]]


@pytest.fixture(scope="module")
def golden(shared_dir: Path) -> Arrays:
    with np.load(shared_dir / "golden" / "baselines" / "visualbert.npz") as file:
        return {name: file[name] for name in file.files}


@pytest.fixture
def published(golden: Arrays) -> VisualBERT:
    """The network with the golden weights."""
    weights = {name.removeprefix("weight/"): value for name, value in golden.items() if name.startswith("weight/")}
    net = VisualBERT(VisualBERTConfig(), LABELS, published_bert(weights), 20).eval()
    own = net.state_dict()
    own["markers"] = torch.from_numpy(weights["embeddings.word_embeddings.weight"][-4:])
    own |= {f"encoder.{name}": torch.from_numpy(value) for name, value in weights.items() if "visual_" in name}
    net.load_state_dict(own)
    return net


@pytest.fixture
def rows(golden: Arrays) -> Batch:
    return Batch(
        tokens=torch.from_numpy(golden["input/token_ids"]),
        token_mask=torch.from_numpy(golden["input/attention_mask"]).bool(),
        spans=torch.zeros(4, 2, 2, dtype=torch.int64),
        objects=torch.from_numpy(golden["input/objects"]),
        object_mask=torch.from_numpy(golden["input/object_mask"]).bool(),
    )


def test_states_are_those_of_the_encoder_with_and_without_objects(
    published: VisualBERT, rows: Batch, golden: Arrays
) -> None:
    assert rows.object_mask is not None
    there = torch.cat([rows.token_mask, rows.object_mask], 1)
    words = rows.token_mask
    with torch.no_grad():
        states, text = published.read(rows), published.read(without_photos(rows))
    np.testing.assert_allclose(states[there], golden["output/hidden_last"][there.numpy()], **CLOSE)
    np.testing.assert_allclose(text[words], golden["output/hidden_last_text_only"][words.numpy()], **CLOSE)
    pooler = (torch.from_numpy(golden[f"weight/pooler.dense.{name}"]) for name in ("weight", "bias"))
    pooled = torch.nn.functional.linear(states[:, 0], *pooler).tanh()
    np.testing.assert_allclose(pooled, golden["output/pooled"], **CLOSE)


def test_without_objects_it_is_exactly_bert() -> None:
    net, rows = build(VisualBERTConfig()), without_photos(draw_rows(6, 1))
    assert isinstance(net, VisualBERT)
    bert = SentenceEncoder(load_language_model(f"{SIZES['bert']}&vocab_size={WORDS}", 1)).eval()
    bert.markers = net.markers
    with torch.no_grad():
        found, expected = net.read(rows), bert(rows.tokens, rows.token_mask)
    words = rows.token_mask
    torch.testing.assert_close(found[words], expected[words], atol=1e-6, rtol=1e-6)


def test_it_learns_with_berts_own_weights_and_its_tables_for_objects_start_as_those_for_words() -> None:
    net = build(VisualBERTConfig())
    assert isinstance(net, VisualBERT)
    encoder = dict(net.encoder.named_parameters())
    bert = dict(net.language_model.model.named_parameters())
    assert all(encoder[name] is weight for name, weight in bert.items())
    assert encoder.keys() - bert.keys() == {
        "embeddings.visual_projection.weight",
        "embeddings.visual_projection.bias",
        "embeddings.visual_position_embeddings.weight",
        "embeddings.visual_token_type_embeddings.weight",
    }
    for table in ("position_embeddings", "token_type_embeddings"):
        words, objects = (encoder[f"embeddings.{name}.weight"] for name in (table, f"visual_{table}"))
        assert torch.equal(words, objects) and words is not objects


def test_all_other_architectures_are_refused_in_one_sentence() -> None:
    model = load_language_model("random:gpt2?n_layer=1&n_embd=32&n_head=2", 0)
    with pytest.raises(ModelError, match=r"visualbert is built on a BERT, and random:gpt2\?.* is a gpt2 model; name"):
        build_model(VisualBERTConfig(), LABELS, model, OBJECT_DIM, None)


def test_a_sentence_longer_than_it_reads_is_refused_in_words() -> None:
    short = load_language_model(f"{SIZES['bert']}&vocab_size={WORDS}&max_position_embeddings=9", 0)
    net = build_model(VisualBERTConfig(), LABELS, short, OBJECT_DIM, None)
    with pytest.raises(ModelError, match=r"has 14 tokens and bert reads 9; set data\.max_length to 9 or less"):
        net(draw_rows(3, 1))
