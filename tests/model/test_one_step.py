"""A step asks the device for nothing and is one graph; frozen weights are stored in what they are computed in."""

import copy
from collections import Counter
from dataclasses import fields, replace

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from transformers.activations import NewGELUActivation
from transformers.pytorch_utils import Conv1D

from dgf.model.dgf_pt.objective import joint_objective
from dgf.model.language_models import store_in_bfloat16

KINDS = ("gpt2", "openai-gpt", "llama", "bert")
VIEWS = ("photos", "mixed", "text")
WAITING = ("_local_scalar_dense", "nonzero", "item", "masked_select", "unique", "equal", "is_nonzero")


class HostWaits(TorchDispatchMode):
    """Counts the operations for which a GPU's host would wait."""

    def __init__(self) -> None:
        super().__init__()
        self.found: Counter[str] = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        by_mask = name in ("index", "index_put", "index_put_") and any(
            index is not None and index.dtype in (torch.bool, torch.uint8) for index in args[1]
        )
        if by_mask or any(name.startswith(waiting) for waiting in WAITING):
            self.found[name] += 1
        return func(*args, **(kwargs or {}))


def view(batch, name):
    if name == "photos":
        return replace(batch, **{f"{kind}_mask": torch.ones_like(getattr(batch, f"{kind}_mask")) for kind in MASKS})
    gone = ("objects", "object_mask", "blocks", "image_mask", "captions", "caption_mask")
    return replace(batch, **dict.fromkeys(gone)) if name == "text" else batch


MASKS = ("object", "image", "caption")


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize("types", ["predicted", "file", "gold"])
@pytest.mark.parametrize("kind", KINDS)
def test_no_step_waits_for_the_device(network, full_batch, kind, types, name):
    net = network(kind, entity_types=types, markers=True).train()
    batch = view(replace(full_batch, given_types=full_batch.type_targets), name)
    with HostWaits() as waits:
        joint_objective(net(batch), batch, net.config).total.backward()
    assert not waits.found


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_step_needs_no_values(network, full_batch, kind, name):
    """Fake tensors have none: whatever asks for one raises."""
    net, batch = network(kind, markers=True).train(), view(full_batch, name)
    with FakeTensorMode(allow_non_fake_inputs=True) as mode:
        fake = as_fake(mode, batch)
        total = joint_objective(net(fake), fake, net.config).total
    assert total.shape == ()


def as_fake(mode, batch):
    """The batch as tensors without values, what is known of it kept."""
    made = copy.copy(batch)
    for each in fields(batch):
        if isinstance(value := getattr(batch, each.name), torch.Tensor):
            setattr(made, each.name, mode.from_tensor(value))
    return made


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_forward_and_loss_are_one_graph(network, full_batch, kind, name):
    net, batch = network(kind).train(), view(full_batch, name)
    net.decoder.dropout.p = net.fusion.mlp[2].p = 0.0
    expected = joint_objective(net(batch), batch, net.config).total

    def step(batch):
        return joint_objective(net(batch), batch, net.config).total

    torch._dynamo.reset()
    found = torch.compile(step, fullgraph=True, backend="eager")(batch)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("plm", ["frozen", "lora"])
@pytest.mark.parametrize("kind", KINDS)
def test_frozen_matrices_in_bfloat16_change_nothing_under_autocast(network, full_batch, kind, plm):
    net = network(kind, plm=plm)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        before = net(full_batch).log_probs
        assert store_in_bfloat16(net.language_model.model) >= 3 * 4
        after = net(full_batch).log_probs
    assert torch.equal(before, after)
    assert {p.dtype for p in net.parameters() if p.requires_grad} == {torch.float32}
    stored = [p for m in net.backbone.modules() if isinstance(m, torch.nn.Linear | Conv1D) for p in m.parameters()]
    assert all(p.requires_grad or p.dtype == torch.bfloat16 for p in stored)


def test_what_learns_is_not_stored_in_bfloat16(network):
    assert store_in_bfloat16(network("gpt2", plm="full").language_model.model) == 0


def test_the_activation_of_gpt2_is_that_of_transformers(network):
    net = network("gpt2")
    values = torch.linspace(-6, 6, 101)
    assert not any(isinstance(part, NewGELUActivation) for part in net.modules())
    torch.testing.assert_close(net.backbone.layers[0].mlp.act(values), NewGELUActivation()(values))
