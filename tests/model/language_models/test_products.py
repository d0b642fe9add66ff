"""Products by oneDNN, run on every processor whose torch has them: those of torch's linear layers up to rounding."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from dgf.model.language_models import products
from dgf.model.language_models.products import LEAST_WORK, product, quicken_product

CAN = torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")
pytestmark = pytest.mark.skipif(not CAN, reason="torch has no oneDNN here")

INNER, OUTER = 96, 160
ROWS = (8, LEAST_WORK // (8 * INNER * OUTER) + 1)


@pytest.fixture(autouse=True)
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """Shapes that oneDNN was asked to multiply."""
    seen: list[tuple[int, ...]] = []
    by_onednn = products._by_onednn

    def note(states: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        seen.append((*states.shape, *weight.shape))
        return by_onednn(states, weight, bias)

    monkeypatch.setattr(products, "_by_onednn", note)
    monkeypatch.setattr(products, "_has_fast_onednn", lambda: True)
    return seen


def gradients(output: Tensor, *of: Tensor) -> tuple[Tensor, ...]:
    weights = torch.linspace(-1, 1, output.numel(), dtype=output.dtype).reshape(output.shape)
    return torch.autograd.grad((output * weights).sum(), of)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-4), (torch.bfloat16, 0.05)])
@pytest.mark.parametrize("has_bias", [True, False])
def test_it_is_a_linear_layer_forward_and_backward(
    calls: list[tuple[int, ...]], dtype: torch.dtype, tolerance: float, has_bias: bool
) -> None:
    states = torch.randn(*ROWS, INNER, dtype=dtype, requires_grad=True)
    weight = torch.randn(OUTER, INNER, dtype=dtype, requires_grad=True)
    bias = torch.randn(OUTER, dtype=dtype, requires_grad=True) if has_bias else None
    asked = [states, weight] if bias is None else [states, weight, bias]
    output, expected = product(states, weight, bias), F.linear(states, weight, bias)
    assert output.dtype == dtype and output.shape == expected.shape
    rows = ROWS[0] * ROWS[1]
    pairs = zip((output, *gradients(output, *asked)), (expected, *gradients(expected, *asked)), strict=True)
    for ours, theirs in pairs:
        torch.testing.assert_close(ours, theirs, rtol=tolerance, atol=tolerance * float(theirs.detach().abs().max()))
    assert calls == [(rows, INNER, OUTER, INNER), (rows, OUTER, INNER, OUTER), (OUTER, rows, INNER, rows)]


def test_what_does_not_learn_is_not_multiplied_for(calls: list[tuple[int, ...]]) -> None:
    states = torch.randn(*ROWS, INNER, requires_grad=True)
    product(states, torch.randn(OUTER, INNER), torch.randn(OUTER)).sum().backward()
    assert len(calls) == 2 and states.grad is not None


@pytest.mark.parametrize("kind", [nn.Linear, Conv1D])
def test_a_layer_keeps_its_weights_and_is_copied_whole(kind: type[nn.Module], calls: list[tuple[int, ...]]) -> None:
    layer = nn.Linear(INNER, OUTER) if kind is nn.Linear else Conv1D(OUTER, INNER)
    states = torch.randn(*ROWS, INNER)
    expected, names = layer(states), list(layer.state_dict())
    quicken_product(layer)
    torch.testing.assert_close(layer(states), expected, rtol=1e-4, atol=1e-4)
    assert len(calls) == 1 and list(layer.state_dict()) == names
    copied = copy.deepcopy(layer)
    with torch.no_grad():
        layer.weight.zero_()
    torch.testing.assert_close(copied(states), expected, rtol=1e-4, atol=1e-4)


def test_under_autocast_only_what_is_stored_in_bfloat16_is_multiplied_so(calls: list[tuple[int, ...]]) -> None:
    states = torch.randn(*ROWS, INNER)
    layer = nn.Linear(INNER, OUTER)
    quicken_product(layer)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert layer(states).dtype == torch.bfloat16 and calls == []
        expected = layer(states)
        layer.to(torch.bfloat16)
        torch.testing.assert_close(layer(states), expected, rtol=0.02, atol=0.02)
    assert len(calls) == 1


def test_few_multiplications_are_left_to_torch(calls: list[tuple[int, ...]]) -> None:
    layer, states = nn.Linear(INNER, OUTER), torch.randn(1, INNER)
    quicken_product(layer)
    assert torch.equal(layer(states), F.linear(states, layer.weight, layer.bias)) and calls == []


@pytest.mark.parametrize("layer", [nn.Linear(INNER, OUTER), Conv1D(OUTER, INNER)], ids=["linear", "conv1d"])
def test_where_it_is_no_faster_a_layer_is_what_it_was(
    layer: nn.Module, calls: list[tuple[int, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(products, "_has_fast_onednn", lambda: False)
    asked: list[Tensor] = []
    layer.forward = lambda states: asked.append(states) or states
    quicken_product(layer)
    states = torch.randn(*ROWS, INNER)
    assert layer(states) is states and asked == [states] and calls == []


def test_torch_compiles_it_as_a_linear_layer(calls: list[tuple[int, ...]]) -> None:
    layer = nn.Linear(INNER, OUTER)
    quicken_product(layer)
    states = torch.randn(*ROWS, INNER)
    compiled = torch.compile(layer, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(states), F.linear(states, layer.weight, layer.bias))
    assert calls == []
