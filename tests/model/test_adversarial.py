import pytest
import torch
from torch import nn

from dgf.model.adversarial import moved_against


def test_embeddings_move_a_given_length_along_their_gradient_and_come_back_exactly() -> None:
    table = nn.Parameter(torch.randn(6, 4, generator=torch.Generator().manual_seed(0)))
    before = table.detach().clone()
    gradient = torch.zeros(6, 4)
    gradient[1], gradient[4] = torch.tensor([3.0, 0, 0, 0]), torch.tensor([0, 0, 0, -4.0])
    with moved_against(table, gradient, 0.5):
        moved = table.detach() - before
        torch.testing.assert_close(moved, gradient / 10)  # 0.5 along a gradient of length 5
        assert not moved[[0, 2, 3, 5]].any()
    assert torch.equal(table, before)


def test_they_come_back_when_the_pass_fails_and_stay_where_nothing_has_a_gradient() -> None:
    table = nn.Parameter(torch.ones(3, 2))
    with pytest.raises(RuntimeError, match="out of memory"), moved_against(table, torch.ones(3, 2), 2.0):
        raise RuntimeError("out of memory")
    assert torch.equal(table, torch.ones(3, 2))
    with moved_against(table, torch.zeros(3, 2), 2.0):
        assert torch.equal(table, torch.ones(3, 2))
