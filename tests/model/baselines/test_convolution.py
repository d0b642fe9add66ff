"""CNN and PCNN against the values of the public code, from words to the loss."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from dgf.model.baselines.cnn import CNN
from dgf.model.baselines.configs import CNNConfig, PCNNConfig
from dgf.model.batch import Batch
from dgf.model.labels import LabelSpace
from dgf.model.language_models import LanguageModel, WordVectors

LABELS = LabelSpace.from_relations(tuple(f"/per/per/r{i}" for i in range(6)))
KINDS = {"cnn": (CNN, CNNConfig), "pcnn": (CNN, PCNNConfig)}


@pytest.fixture(scope="module")
def golden(shared_dir: Path) -> Any:
    return np.load(shared_dir / "golden" / "baselines" / "cnn_pcnn.npz")


@pytest.fixture(scope="module")
def batch(shared_dir: Path, golden: Any) -> Batch:
    """The rows as they are in words: the network itself cuts and pads, and counts distances."""
    told = json.loads((shared_dir / "golden" / "baselines" / "cnn_pcnn_rows.json").read_text())
    ids = {word: i for i, word in enumerate(told["vocabulary"])}
    rows = [[ids.get(word.lower(), told["unknown_id"]) for word in row["words"]] for row in told["rows"]]
    longest = max(map(len, rows))
    return Batch(
        tokens=torch.tensor([row + [0] * (longest - len(row)) for row in rows]),
        token_mask=torch.tensor([[i < len(row) for i in range(longest)] for row in rows]),
        spans=torch.tensor([[row["head"], row["tail"]] for row in told["rows"]]),
        relations=torch.from_numpy(golden["input/labels"]),
    )


def build(name: str, golden: Any, dtype: torch.dtype) -> CNN:
    weights = {key.split("/")[1]: torch.from_numpy(golden[key]) for key in golden if key.startswith(f"weight_{name}/")}
    words = weights["embed_word.weight"]
    network, config = KINDS[name]
    model = network(
        config(places=12, distance_width=3, filters=32), LABELS, LanguageModel(WordVectors(words[:-1].clone()))
    )
    state = {
        "sentence.words.weight": words[:-1],
        "sentence.padding": words[-1],
        "sentence.to_head.weight": weights["embed_to_head.weight"],
        "sentence.to_tail.weight": weights["embed_to_tail.weight"],
        "sentence.convolution.weight": weights["conv.weight"],
        "sentence.convolution.bias": weights["conv.bias"],
        "classifier.weight": weights["classifier.weight"],
        "classifier.bias": weights["classifier.bias"],
    }
    model.load_state_dict(state)
    return model.to(dtype).eval()


@pytest.mark.parametrize("name", KINDS)
def test_float64_agrees_to_ten_digits(name: str, golden: Any, batch: Batch) -> None:
    model = build(name, golden, torch.float64)
    logits = model.classifier(model.represent(batch))
    torch.testing.assert_close(logits, torch.from_numpy(golden[f"output_{name}/logits"]), rtol=0, atol=1e-10)
    loss = F.cross_entropy(logits, batch.relations)
    assert loss.item() == pytest.approx(float(golden[f"output_{name}/loss"]), abs=1e-10)


@pytest.mark.parametrize("name", KINDS)
def test_float32_agrees_and_so_do_the_parts(name: str, golden: Any, batch: Batch) -> None:
    model = build(name, golden, torch.float32)
    said, segments = model.sentence(batch)
    close = {"rtol": 1e-5, "atol": 1e-5}
    torch.testing.assert_close(said, torch.from_numpy(golden[f"output_{name}/conv_out"]), **close)
    torch.testing.assert_close(
        model.represent(batch), torch.from_numpy(golden[f"output_{name}/representation"]), **close
    )
    output = model(batch)
    expected = torch.from_numpy(golden[f"output_{name}/logits"]).float().log_softmax(1)
    torch.testing.assert_close(output.log_probs, expected, **close)
    loss = float(model.loss(output, batch)["total"])
    assert loss == pytest.approx(float(golden[f"output_{name}/loss"]), abs=1e-5)
    assert torch.equal(segments, torch.from_numpy(golden["input_pcnn/segment"]))


@pytest.mark.parametrize("name", KINDS)
def test_the_distance_of_padding_stays_zero_and_padding_learns(name: str) -> None:
    network, config = KINDS[name]
    model = network(config(places=12), LABELS, LanguageModel(WordVectors(torch.randn(9, 4))))
    batch = Batch(
        tokens=torch.tensor([[1, 2, 3, 4]]),
        token_mask=torch.tensor([[True, True, True, False]]),
        spans=torch.tensor([[[0, 1], [2, 3]]]),
        relations=torch.tensor([1]),
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, weight_decay=0.01)
    for _ in range(3):
        optimizer.zero_grad()
        model.loss(model(batch), batch)["total"].backward()
        optimizer.step()
    for table in (model.sentence.to_head, model.sentence.to_tail):
        assert not table.weight[0].any()
    assert bool(model.sentence.padding.any()), "it stands at the border of the last word"
    other = replace(batch, tokens=torch.tensor([[1, 2, 3, 8]]))
    model.eval()
    assert torch.equal(model(batch).log_probs, model(other).log_probs), "what is masked is not read"


@pytest.mark.parametrize("name", KINDS)
def test_dropout_comes_twice(name: str) -> None:
    network, config = KINDS[name]
    model = network(config(places=12, filters=4096), LABELS, LanguageModel(WordVectors(torch.randn(9, 4))))
    seen: list[torch.Tensor] = []
    model.classifier.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    batch = Batch(torch.tensor([[1, 2, 3]]), torch.ones(1, 3, dtype=torch.bool), torch.tensor([[[0, 1], [2, 3]]]))
    torch.manual_seed(0)
    model.train()(batch)
    model.eval()(batch)
    trained, whole = seen
    kept = (trained != 0)[whole != 0].float().mean()
    assert float(kept) == pytest.approx(0.25, abs=0.05)
    torch.testing.assert_close(trained[trained != 0], 4 * whole[trained != 0])
