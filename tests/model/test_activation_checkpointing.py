"""Layers that are computed again in the backward pass: the same gradients from less that is kept."""

import weakref

import pytest
import torch
from torch import Tensor

from dgf.model.attention import Memory
from dgf.model.backbone import Backbone
from dgf.model.dgf_pt.objective import joint_objective
from dgf.model.errors import ModelError
from dgf.model.language_models import load_language_model

KINDS = ("gpt2", "openai-gpt", "llama", "bert")
PLMS = ("frozen", "lora", "full")


def prepared(network, kind, plm, *, again):
    """A network in training whose language model, where it learns, drops out, and nothing else does."""
    keys = {"lora_dropout": 0.2} if plm == "lora" else {}
    net = network(kind, plm=plm, dropout=0.0, prefix_depth="deep", **keys).train()
    for module in net.backbone.modules():
        if hasattr(module, "attention_dropout"):  # llama's only one, which is 0 unless asked for
            module.attention_dropout = 0.2
    if again:
        net.backbone.checkpoint_activations()
    return net


def gradients(net, batch, seed=0) -> dict[str, Tensor]:
    torch.manual_seed(seed)
    joint_objective(net(batch), batch, net.config).total.backward()
    return {name: p.grad for name, p in net.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("plm", PLMS)
@pytest.mark.parametrize("kind", KINDS)
def test_gradients_are_those_of_layers_that_keep_everything(network, full_batch, kind, plm):
    kept = gradients(prepared(network, kind, plm, again=False), full_batch)
    found = gradients(prepared(network, kind, plm, again=True), full_batch)
    assert found.keys() == kept.keys() and kept
    for name, gradient in kept.items():
        torch.testing.assert_close(found[name], gradient, rtol=1e-6, atol=1e-6, msg=lambda m, name=name: f"{name}: {m}")
    if plm != "frozen":  # dropout is active, or the comparison above would say nothing of it
        other = gradients(prepared(network, kind, plm, again=False), full_batch, seed=1)
        assert any(not torch.allclose(other[name], gradient, rtol=1e-3) for name, gradient in kept.items())


def bytes_kept(net, batch) -> int:
    """Bytes that a forward keeps for the backward pass, the layers' inputs with them and the weights left out."""
    weights = {p.untyped_storage().data_ptr() for p in net.parameters()}
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    inputs: list[Tensor] = []  # recomputing keeps these itself, where no hook sees it
    for layer in net.backbone.layers:
        layer.register_forward_pre_hook(lambda _, given: inputs.extend(given))
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        total = joint_objective(net(batch), batch, net.config).total
    for tensor in inputs:
        if isinstance(tensor, Tensor):
            keep(tensor)
    assert total.requires_grad
    return sum(kept.values())


@pytest.mark.parametrize("plm", PLMS)
@pytest.mark.parametrize("kind", KINDS)
def test_less_is_kept_for_the_backward_pass(network, full_batch, kind, plm):
    everything = bytes_kept(prepared(network, kind, plm, again=False), full_batch)
    assert bytes_kept(prepared(network, kind, plm, again=True), full_batch) < 0.6 * everything


@pytest.mark.parametrize("kind", KINDS)
def test_the_memory_keeps_what_was_read_first_and_goes_with_the_pass(tiny, kind):
    backbone = Backbone(tiny(kind).model).train()
    backbone.checkpoint_activations()
    inputs = torch.randn(2, 4, 32, requires_grad=True)
    memory, positions, total = Memory(), torch.arange(4).expand(2, 4), torch.zeros(())
    for turn in (1, 2):
        mask = torch.ones(2, 4, 4 * turn, dtype=torch.bool)
        total = total + backbone(inputs, mask, positions + 4 * (turn - 1), memory).sum()
    before = [dict(layers) for layers in memory.passes]
    total.backward()
    assert len(before) == 2 and [len(layers) for layers in before] == [3, 3]
    for layers, now in zip(before, memory.passes, strict=True):
        assert all(key is now[layer][0] and value is now[layer][1] for layer, (key, value) in layers.items())
    gone = weakref.ref(memory)
    del memory, before, layers, now
    assert gone() is None


def test_an_attention_with_a_cache_of_its_own_is_refused():
    spec = "random:falcon?num_hidden_layers=2&hidden_size=32&num_attention_heads=2&vocab_size=60"
    backbone = Backbone(load_language_model(spec).model)
    with pytest.raises(ModelError, match=r"falcon model cannot be computed again.*checkpoint_activations"):
        backbone.checkpoint_activations()
