"""Dropout on a CPU: the share, the scale, the seed, and the layers that it is put into."""

import pytest
import torch
from torch import nn

from dgf.model.language_models import drop, load_language_model, quicken_layers


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("count", [1 << 18, (1 << 18) + 3])
def test_a_share_of_the_entries_is_zeroed_and_the_mean_stays(share: float, count: int) -> None:
    torch.manual_seed(0)
    found = drop(torch.ones(count), share)
    deviation = (share * (1 - share) / count) ** 0.5
    assert (found == 0).double().mean().item() == pytest.approx(share, abs=5 * deviation + 1 / 65536)
    assert found.unique().tolist() == pytest.approx([0, 1 / (1 - share)], rel=2e-4)


@pytest.mark.parametrize("lane", range(4))
def test_every_entry_of_a_draw_is_zeroed_alike_often(lane: int) -> None:
    torch.manual_seed(0)
    zeroed = (drop(torch.ones(1 << 16, 4), 0.25)[:, lane] == 0).double().mean().item()
    assert zeroed == pytest.approx(0.25, abs=5 * (0.25 * 0.75 / (1 << 16)) ** 0.5)


def test_neighbors_are_zeroed_independently() -> None:
    torch.manual_seed(0)
    zeroed = (drop(torch.ones(1 << 16, 4), 0.5) == 0).double()
    correlations = torch.corrcoef(zeroed.T) - torch.eye(4)
    assert correlations.abs().max() < 5 / 256


def test_the_gradient_goes_through_what_is_kept() -> None:
    torch.manual_seed(0)
    states = torch.randn(3, 5, 7, requires_grad=True)
    dropped = drop(states, 0.5)
    dropped.sum().backward()
    assert states.grad is not None
    torch.testing.assert_close(states.grad * states.detach(), dropped.detach())


def test_the_seed_of_torch_decides() -> None:
    torch.manual_seed(3)
    first = drop(torch.ones(99), 0.5)
    assert not torch.equal(drop(torch.ones(99), 0.5), first)
    torch.manual_seed(3)
    assert torch.equal(drop(torch.ones(99), 0.5), first)


def test_nothing_is_drawn_where_nothing_is_dropped() -> None:
    states, before = torch.ones(5), torch.get_rng_state()
    assert drop(states, 0.0) is states
    assert torch.equal(torch.get_rng_state(), before)


def test_the_layers_of_a_language_model_drop_while_it_trains_alone() -> None:
    model = load_language_model("random:gpt2?n_layer=1&n_embd=16&n_head=2&resid_pdrop=0.25").model
    quicken_layers(model)
    assert not any(type(part) is nn.Dropout for part in model.modules())
    assert model.h[0].mlp.dropout.p == 0.25
    states = torch.ones(4, 4)
    assert model.h[0].mlp.dropout(states) is states  # loaded models are in evaluation mode
    assert (model.train().h[0].mlp.dropout(states) == 0).any()
