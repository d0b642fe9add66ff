"""Eq. 1 to 3: one pass equals the stages, and nothing that is not there has any effect."""

from dataclasses import replace
from itertools import permutations, product

import pytest
import torch
from torch import Tensor

from dgf.model.attention import OVER_MEMORY, Memory
from dgf.model.backbone import Backbone
from dgf.model.dgf_pt.config import INPUTS
from dgf.model.dgf_pt.encoder import Part, encode
from dgf.model.errors import ModelError
from support.batches import select_rows

KINDS = ("gpt2", "openai-gpt", "llama", "bert")
CAUSAL = ("gpt2", "openai-gpt", "llama")
TOLERANCE = 1e-5


def widest(left: Tensor, right: Tensor) -> float:
    return float((left - right).detach().abs().max())


@pytest.mark.parametrize("order", list(permutations(INPUTS)))
@pytest.mark.parametrize("kind", CAUSAL)
def test_one_pass_equals_the_staged_run(network, full_batch, kind, order):
    for object_prefix, entity_prefix in product((1, 2, 3, "none"), repeat=2):
        net = network(kind, input_order=order, object_prefix=object_prefix, entity_prefix=entity_prefix)
        if net.object_prefix is not None:
            torch.nn.init.normal_(net.object_prefix.deepen.weight)  # make the deep prefix matter
        if net.entity_prefix is not None:
            torch.nn.init.normal_(net.entity_prefix.deepen.weight)
        with torch.no_grad():
            whole, staged = net(full_batch), net(full_batch, staged=True)
        assert widest(whole.log_probs, staged.log_probs) < TOLERANCE
        assert widest(whole.log_probs_text, staged.log_probs_text) < TOLERANCE
        assert widest(whole.fused, staged.fused) < TOLERANCE


@pytest.mark.parametrize("kind", CAUSAL)
def test_the_staged_run_really_takes_three_steps(network, full_batch, kind):
    net = network(kind)
    calls = []
    net.backbone.register_forward_hook(lambda _, arguments, output: calls.append(arguments[0].shape[1]))
    net(full_batch)
    assert calls == [7 + 8 + 3 + 4 + 11, 6, 6]  # both prefixes, objects, blocks, text; then the decoder's two steps
    calls.clear()
    net(full_batch, staged=True)
    assert calls == [7 + 8 + 3, 4, 11, 6, 6]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("depth", ["deep", "input"])
def test_a_row_does_not_depend_on_its_neighbours(network, full_batch, kind, depth):
    net = network(kind, prefix_depth=depth)
    with torch.no_grad():
        together = net(full_batch)
        for row in range(len(full_batch)):
            alone = net(select_rows(full_batch, torch.tensor([row])))
            assert widest(alone.log_probs[0], together.log_probs[row]) < TOLERANCE
            assert widest(alone.log_probs_text[0], together.log_probs_text[row]) < TOLERANCE
            assert widest(alone.type_log_probs[0], together.type_log_probs[row]) < TOLERANCE


@pytest.mark.parametrize("kind", KINDS)
def test_the_attention_of_gpus_and_that_of_cpus_are_one_function(network, full_batch, kind, monkeypatch):
    net = network(kind)
    with torch.no_grad():
        plain = net(full_batch)
        assert kind == "openai-gpt" or net.backbone.model.config._attn_implementation == OVER_MEMORY
        fused = []
        attend = torch.nn.functional.scaled_dot_product_attention
        counted = lambda *given, **named: fused.append(1) or attend(*given, **named)  # noqa: E731
        monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", counted)
        monkeypatch.setattr("dgf.model.backbone.PLAIN_ON", "nowhere")
        monkeypatch.setattr("dgf.model.attention.PLAIN_ON", "nowhere")
        other = net(full_batch)
    assert len(fused) == 3 * net.backbone.layer_count
    assert widest(plain.log_probs, other.log_probs) < TOLERANCE
    assert widest(plain.fused, other.fused) < TOLERANCE


@pytest.mark.parametrize("kind", KINDS)
def test_padding_changes_nothing(network, full_batch, kind):
    net = network(kind, markers=True)
    batch = full_batch
    wide = replace(
        batch,
        tokens=torch.cat([torch.where(batch.token_mask, batch.tokens, 7), torch.full((7, 6), 61)], 1),
        token_mask=torch.cat([batch.token_mask, torch.zeros(7, 6, dtype=torch.bool)], 1),
        objects=torch.cat([torch.where(batch.object_mask[..., None], batch.objects, 99.0), torch.ones(7, 2, 10)], 1),
        object_mask=torch.cat([batch.object_mask, torch.zeros(7, 2, dtype=torch.bool)], 1),
        blocks=torch.where(batch.image_mask[:, None, None], batch.blocks, -50.0),
        captions=torch.where(batch.caption_mask[:, None], batch.captions, 1e3),
    )
    with torch.no_grad():
        narrow, padded = net(batch), net(wide)
    assert widest(narrow.log_probs, padded.log_probs) < TOLERANCE
    assert widest(narrow.log_probs_text, padded.log_probs_text) < TOLERANCE
    assert widest(narrow.gates.gamma, padded.gates.gamma) < TOLERANCE


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_without_photos_does_no_visual_work(network, full_batch, text_batch, kind):
    net = network(kind)
    textual = replace(
        full_batch,
        object_mask=torch.zeros_like(full_batch.object_mask),
        image_mask=torch.zeros_like(full_batch.image_mask),
        caption_mask=torch.zeros_like(full_batch.caption_mask),
    )
    lengths, visual = [], []
    net.backbone.register_forward_hook(lambda _, arguments, output: lengths.append(arguments[0].shape[1]))
    for module in (net.object_input, net.image_input, net.fusion, net.relevance):
        module.register_forward_hook(lambda *_: visual.append(1))
    with torch.no_grad():
        masked, absent = net(textual), net(text_batch)
    assert not visual
    assert lengths == [5 + 8 + 11, 3, 3] * 2  # words of the prefixes and entities, the text; one branch to decode
    assert torch.equal(masked.log_probs, absent.log_probs)
    assert torch.equal(absent.log_probs, absent.log_probs_text)
    with torch.no_grad():
        mixed = net(full_batch)
    for row in (4, 6):  # no photo in the mixed batch either
        assert widest(mixed.log_probs[row], absent.log_probs[row]) < TOLERANCE


def test_position_ids_count_what_is_there(tiny):
    """The same vectors, once with holes between them and once without."""
    for kind in KINDS:
        backbone = Backbone(tiny(kind).model).eval()
        vectors = torch.randn(1, 5, 32, generator=torch.Generator().manual_seed(3))
        there = torch.ones(1, 5, dtype=torch.bool)
        holes = torch.tensor([[1, 0, 1, 1, 0, 0, 1, 1]]).bool()
        spread = torch.full((1, 8, 32), 9.0)
        spread[holes] = vectors[0]
        with torch.no_grad():
            dense = encode(backbone, [[Part("text", vectors, there)]]).hidden["text"]
            sparse = encode(backbone, [[Part("text", spread, holes)]]).hidden["text"]
        assert widest(dense[0], sparse[holes]) < TOLERANCE


def test_the_blocks_of_openai_gpt_are_those_of_transformers(tiny):
    model = tiny("openai-gpt").model
    tokens = torch.randint(0, 60, (3, 9), generator=torch.Generator().manual_seed(0))
    seen = torch.ones(9, 9).tril().bool().expand(3, -1, -1)
    positions = torch.arange(9).expand(3, -1)
    with torch.no_grad():
        theirs = model(tokens).last_hidden_state
        backbone = Backbone(model)
        ours = backbone(backbone.embed(tokens), seen, positions, Memory())
    assert widest(theirs, ours) < TOLERANCE


@pytest.mark.parametrize("kind", CAUSAL)
def test_one_pass_is_what_transformers_computes(tiny, kind):
    """Without prefixes and padding the encoder is the language model itself."""
    model = tiny(kind).model
    tokens = torch.randint(0, 60, (2, 7), generator=torch.Generator().manual_seed(0))
    backbone = Backbone(model)
    with torch.no_grad():
        theirs = model(tokens).last_hidden_state
        part = Part("text", backbone.embed(tokens), torch.ones(2, 7, dtype=torch.bool))
        ours = encode(backbone, [[part]]).hidden["text"]
    assert widest(theirs, ours) < TOLERANCE


def test_bert_reads_both_ways_and_a_causal_model_does_not(network, full_batch):
    changed = replace(full_batch, tokens=full_batch.tokens.clone())
    changed.tokens[0, 8] += 1  # the last word of row 0, far behind both mentions
    for kind, both in (("bert", True), ("gpt2", False), ("llama", False), ("openai-gpt", False)):
        net = network(kind)
        states = []
        for batch in (full_batch, changed):
            context, _ = net._encode(batch, False)
            states.append(context.hidden["text"][0, :8])
        assert (widest(*states) > 1e-4) is both


def test_a_bidirectional_model_has_no_staged_run(network, full_batch):
    with pytest.raises(ModelError, match="both directions"):
        network("bert")(full_batch, staged=True)


def test_too_long_an_input_is_refused(network, full_batch):
    net = network("gpt2")
    net.backbone.longest = 20
    with pytest.raises(ModelError, match="positions"):
        net(full_batch)
