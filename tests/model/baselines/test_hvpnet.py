"""HVPNeT beside values of its public code, and what its switches change."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from dgf.model import attention
from dgf.model.attention import Piece
from dgf.model.baselines.configs import HVPNeTConfig
from dgf.model.baselines.hvpnet import HVPNeT
from dgf.model.batch import Batch
from dgf.model.errors import ModelError
from dgf.model.labels import LabelSpace
from support.fitting import answers, fit
from support.photo_rows import PYRAMID, alone, build, draw_rows, filled, published_bert

CLOSE = {"rtol": 1e-5, "atol": 1e-5}
CHANNELS, WIDTH = 60, 48
RELATIONS = LabelSpace.from_relations(("None", *(f"/per/per/{number}" for number in range(5))))
Arrays = Mapping[str, NDArray[Any]]


@pytest.fixture(scope="module")
def golden(shared_dir: Path) -> Arrays:
    with np.load(shared_dir / "golden" / "baselines" / "hvpnet.npz") as file:
        return {name: file[name] for name in file.files}


@pytest.fixture
def published(golden: Arrays) -> HVPNeT:
    """The network with the golden weights."""
    bert = {
        name.removeprefix("weight/bert."): value for name, value in golden.items() if name.startswith("weight/bert")
    }
    config = HVPNeTConfig(prefix_hidden=24)
    net = HVPNeT(config, RELATIONS, published_bert(bert), 0, (4, 4 * CHANNELS)).eval()
    own = net.state_dict()
    own["sentence.markers"] = torch.from_numpy(bert["embeddings.word_embeddings.weight"][-4:])
    for name in own:
        theirs = "weight/" + name.replace("prefix.gates.", "gate.")
        if theirs in golden:
            own[name] = torch.from_numpy(golden[theirs])
    net.load_state_dict(own)
    return net


@pytest.fixture
def rows(golden: Arrays) -> Batch:
    """The golden inputs as the shards and the encoder bring them: markers beyond the vocabulary, pooled maps flat."""
    tokens = torch.from_numpy(golden["input/token_ids"])
    starts = torch.stack([(tokens == marker).int().argmax(1) for marker in (96, 98)], 1)
    stages = [golden[f"input/image_stage{stage}"][:, None] for stage in range(1, 5)]
    crops = [golden[f"input/crops_stage{stage}"] for stage in range(1, 5)]
    maps = [np.concatenate([whole, cut], 1) for whole, cut in zip(stages, crops, strict=True)]  # (4, 4, c, 2, 2)
    return Batch(
        tokens=tokens,
        token_mask=torch.from_numpy(golden["input/attention_mask"]).bool(),
        spans=torch.stack([starts, starts + 1], 2),
        blocks=torch.from_numpy(np.concatenate(maps, 2)).flatten(2),
        image_mask=torch.ones(4, dtype=torch.bool),
        relations=torch.from_numpy(golden["input/labels"]),
    )


def logits_of(net: HVPNeT, batch: Batch) -> Tensor:
    states = net.read(batch)
    return net.classifier(torch.cat([states[torch.arange(4), batch.spans[:, entity, 0]] for entity in (0, 1)], 1))


def test_logits_loss_and_states_are_those_of_the_public_code(published: HVPNeT, rows: Batch, golden: Arrays) -> None:
    with torch.no_grad():
        output = published(rows)
        compare(logits_of(published, rows), golden["output/logits"])
        compare(output.log_probs, torch.from_numpy(golden["output/logits"]).log_softmax(1))
        compare(published.loss(output, rows)["total"], golden["output/loss"])
        states, words = published.read(rows), rows.token_mask
        compare(states[words], golden["output/hidden_last"][words.numpy()])


def test_without_photos_it_is_the_public_code_without_a_prefix(published: HVPNeT, rows: Batch, golden: Arrays) -> None:
    masked = rows.having(image_mask=torch.zeros(4, dtype=torch.bool))
    one_shown = rows.having(image_mask=torch.tensor([False, True, False, False]))
    text = golden["output_text_only/logits"]
    with torch.no_grad():
        for batch in (rows.having(blocks=None, image_mask=None), masked):
            compare(logits_of(published, batch), text)
            compare(published.loss(published(batch), batch)["total"], golden["output_text_only/loss"])
        mixed = logits_of(published, one_shown)
    compare(mixed[[0, 2, 3]], text[[0, 2, 3]])
    compare(mixed[1], golden["output/logits"][1])


def test_every_step_of_the_prefix_is_that_of_the_public_code(published: HVPNeT, rows: Batch, golden: Arrays) -> None:
    prefix = published.prefix
    assert prefix is not None and rows.blocks is not None
    with torch.no_grad():
        slots = prefix.as_slots(rows.blocks)
        parts = prefix.expand_slots(slots)
        [layers] = prefix(rows.blocks).passes
        compare(slots, golden["output/prefix_rows_in"])
        compare(parts.flatten(3), golden["output/expanded"])
        compare(parts.mean(3).flatten(2), golden["output/gate_in"])
        for layer in (0, 1):
            compare(prefix.weigh_parts(layer, parts), golden[f"output/gate_layer{layer}"])
            key, value = layers[layer]
            compare(key.states, golden[f"output/prefix_key_layer{layer}"])
            compare(value.states, golden[f"output/prefix_value_layer{layer}"])


def test_attention_is_that_of_the_public_code(
    published: HVPNeT, rows: Batch, golden: Arrays, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights: list[Tensor] = []
    attend = attention.attend

    def spy(query: Tensor, keys: list[Piece], values: list[Piece], seen: Tensor, scale: float, *rest: float) -> Tensor:
        scores = query @ torch.cat([key.states for key in keys], 2).transpose(2, 3) * scale
        weights.append((scores + attention.as_bias(seen, scores.dtype)).softmax(3))
        return attend(query, keys, values, seen, scale, *rest)

    monkeypatch.setattr(attention, "attend", spy)
    with torch.no_grad():
        published(rows)
    words = rows.token_mask
    for layer, found in enumerate(weights):
        theirs = torch.from_numpy(golden[f"output/attention_layer{layer}"])
        compare(found.transpose(1, 2)[words], theirs.transpose(1, 2)[words])
    assert len(weights) == 2


def test_gradients_are_those_of_the_public_code(published: HVPNeT, rows: Batch, golden: Arrays) -> None:
    published.loss(published(rows), rows)["total"].backward()
    table = "backbone.model.embeddings.word_embeddings.weight"
    norms = {
        name.removeprefix("sentence.").replace("prefix.gates.", "gate.").replace("backbone.model.", "bert."): float(
            weight.grad.norm()
        )
        for name, weight in published.named_parameters()
        if weight.grad is not None
    }
    # their markers are rows of the table
    norms[table.replace("backbone.model.", "bert.")] = float(
        np.hypot(norms.pop("markers"), norms[table.replace("backbone.model.", "bert.")])
    )
    theirs = {name.removeprefix("grad_norm/"): value for name, value in golden.items() if "grad_norm/" in name}
    assert norms.keys() == theirs.keys()
    for name, norm in norms.items():
        np.testing.assert_allclose(norm, theirs[name], rtol=1e-5, atol=1e-6, err_msg=name)


def test_slots_are_the_public_codes_reinterpretation_of_pooled_maps(shared_dir: Path) -> None:
    with np.load(shared_dir / "golden" / "baselines" / "hvpnet_pooling.npz") as file:
        flat, theirs = torch.from_numpy(file["output/concat_flat"]), file["output/rows_of_4"]
    net = build(HVPNeTConfig())
    assert isinstance(net, HVPNeT) and net.prefix is not None
    compare(net.prefix.as_slots(flat[:, None])[:, 0], theirs)


def test_slots_by_cell_hold_one_cell_of_every_channel() -> None:
    net = build(HVPNeTConfig(slots="by-cell"))
    assert isinstance(net, HVPNeT) and net.prefix is not None
    maps = torch.arange(3.0 * PYRAMID).reshape(1, 3, PYRAMID // 4, 2, 2)
    slots = net.prefix.as_slots(maps.flatten(2))
    for cell in range(4):
        assert torch.equal(slots[:, :, cell], maps[..., cell // 2, cell % 2])


@pytest.mark.parametrize(("layout", "heads"), [("as-published", [2]), ("transposed", [0, 1, 2, 3])])
def test_which_heads_read_a_picture(layout: Any, heads: list[int]) -> None:
    net = build(HVPNeTConfig(prefix_hidden=8, head_layout=layout))
    assert isinstance(net, HVPNeT) and net.prefix is not None
    one = draw_rows(1, 1).blocks
    assert one is not None
    other = one.clone()
    other[:, 2] += 1
    for before, after in zip(net.prefix(one).passes[0].values(), net.prefix(other).passes[0].values(), strict=True):
        for piece, changed in zip(before, after, strict=True):
            differs = (piece.states - changed.states).abs().amax((0, 2, 3)) > 0
            assert differs.nonzero().flatten().tolist() == heads


@pytest.mark.parametrize("kind", ["gpt2", "openai-gpt", "llama"])
def test_a_causal_language_model_reads_the_prefix_too(kind: str) -> None:
    net, rows = build(HVPNeTConfig(prefix_hidden=8), kind), draw_rows(6, 1)
    whole = answers(net, rows)
    torch.testing.assert_close(answers(net, filled(rows)), whole, atol=1e-5, rtol=0)
    for row in range(6):
        torch.testing.assert_close(answers(net, alone(rows, row)), whole[row : row + 1], atol=1e-5, rtol=0)
    text = answers(net, rows.having(blocks=None, image_mask=None))
    assert ((whole - text).abs().amax(1) > 1e-6).tolist() == [False, True, True, True, True, False]


def test_a_language_model_whose_attention_takes_no_keys_is_refused() -> None:
    with pytest.raises(ModelError, match=r"hvpnet puts keys before a sentence.*gemma2"):
        build(HVPNeTConfig(), "gemma2")


def test_a_classifier_that_is_not_trained_stays_at_its_random_start() -> None:
    net = build(HVPNeTConfig(prefix_hidden=8, train_classifier=False))
    before = {name: value.clone() for name, value in net.state_dict().items()}
    after = fit(net, draw_rows(32, 1), 3).state_dict()
    assert {name for name in before if torch.equal(before[name], after[name])} == {
        "classifier.weight",
        "classifier.bias",
    }


def compare(found: Tensor, expected: Any) -> None:
    np.testing.assert_allclose(found.detach().numpy(), np.asarray(expected), **CLOSE)
