"""With normalized states nothing depends on the scale of the language model's last states."""

from copy import deepcopy
from dataclasses import replace

import pytest
import torch

from dgf.model.batch import Batch
from dgf.model.dgf_pt.network import DGF
from dgf.model.dgf_pt.objective import DGFOutput, joint_objective

CLOSE = {"rtol": 1e-3, "atol": 1e-4}
LAST_NORM = {"gpt2": "ln_f", "llama": "norm"}


def in_larger_units(net: DGF, kind: str) -> DGF:
    """The same network, its language model's last states ten times as large."""
    larger = deepcopy(net)
    with torch.no_grad():
        for parameter in getattr(larger.backbone.model, LAST_NORM[kind]).parameters():
            parameter *= 10
    return larger


def outputs_in_both_units(net: DGF, kind: str, batch: Batch) -> tuple[DGFOutput, DGFOutput]:
    """Captions come as tokens, since those that were read before would keep their scale."""
    tokens = torch.randint(0, 60, (7, 5), generator=torch.Generator().manual_seed(9))
    mask = torch.ones(7, 5, dtype=torch.bool)
    batch = replace(batch, captions=None, caption_tokens=tokens, caption_token_mask=mask)
    for layer in (net.fusion.mlp[3], net.decoder.classify_image):
        torch.nn.init.normal_(layer.weight, std=0.1)
    with torch.no_grad():
        return net(batch), in_larger_units(net, kind)(batch)


@pytest.mark.parametrize("kind", LAST_NORM)
@pytest.mark.parametrize("alpha", ["softmax", "literal"])
def test_ten_times_as_large_states_give_the_same_gates_losses_and_probabilities(network, full_batch, kind, alpha):
    net = network(kind, alpha=alpha)
    one, ten = outputs_in_both_units(net, kind, full_batch)
    for name, gate in vars(one.gates).items():
        torch.testing.assert_close(getattr(ten.gates, name), gate, **CLOSE)
    for name in ("log_probs", "log_probs_text", "type_log_probs"):
        torch.testing.assert_close(getattr(ten, name), getattr(one, name), **CLOSE)
    first, second = (joint_objective(output, full_batch, net.config) for output in (one, ten))
    for name, loss in vars(first).items():
        torch.testing.assert_close(getattr(second, name), loss, **CLOSE)


def test_raw_states_do_depend_on_it(network, full_batch):
    one, ten = outputs_in_both_units(network(states="raw"), "gpt2", full_batch)
    assert (one.gates.gamma - ten.gates.gamma).abs().max() > 0.1
    assert (one.log_probs - ten.log_probs).abs().max() > 0.01


def test_temperatures_are_a_group_of_their_own(network):
    for states, count in (("normalized", 2), ("raw", 0)):  # an older run's optimizer goes on with the groups it had
        net = network(states=states)
        inside, new, temperatures = net.parameter_groups()
        assert len(temperatures) == count and all(parameter.ndim == 0 for parameter in temperatures)
        assert len(inside) + len(new) + len(temperatures) == sum(p.requires_grad for p in net.parameters())
