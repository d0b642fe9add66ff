from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from dgf.model.dgf_pt.inputs import TextInput


class Table(nn.Module):
    """What `TextInput` asks of a backbone."""

    vocab_size = 8

    def embed(self, tokens: Tensor) -> Tensor:
        return torch.ones(*tokens.shape, 64)


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two_threads")
def test_the_gradient_of_the_markers_repeats_exactly_on_two_threads() -> None:
    text = TextInput(64, 0.1, markers=True)
    tokens = torch.randint(0, 12, (64, 96), generator=torch.Generator().manual_seed(0))
    weights = torch.randn(64, 96, 64, generator=torch.Generator().manual_seed(1))
    found = []
    for _ in range(20):
        text.zero_grad()
        (text(tokens, Table()) * weights).sum().backward()
        assert text.markers is not None and text.markers.grad is not None
        found.append(text.markers.grad.clone())
    assert all(torch.equal(gradient, found[0]) for gradient in found)
