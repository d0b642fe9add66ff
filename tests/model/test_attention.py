import pytest
import torch
from torch import Tensor

from dgf.model.attention import Piece, attend, keep

ROWS, GROUPS, HEADS, READ, LATER, WIDTH = 2, 2, 4, 7, 3, 5


def draw(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).requires_grad_()


def gradients(*, kept: bool) -> list[Tensor]:
    """Of keys, values and queries, where two passes of a few positions attend to what a first one has read."""
    key, value = (draw(ROWS, GROUPS, READ, WIDTH, seed=seed) for seed in (0, 1))
    later = [[draw(ROWS, heads, LATER, WIDTH, seed=s + 2) for heads in (HEADS, GROUPS, GROUPS)] for s in (0, 10)]
    keys, values = ([keep(key)], [keep(value)]) if kept else ([Piece(key)], [Piece(value)])
    total = (key * value).sum()  # the first pass reads them itself too
    for number, (query, new_key, new_value) in enumerate(later):
        seen = torch.ones(ROWS, 1, LATER, READ + LATER * (number + 1), dtype=torch.bool)
        seen[1, :, :, 2] = False
        mixed = attend(query, [*keys, Piece(new_key)], [*values, Piece(new_value)], seen, WIDTH**-0.5)
        total = total + mixed.square().sum() * (number + 1)
        keys, values = (
            ([*keys, keep(new_key)], [*values, keep(new_value)])
            if kept
            else (
                [*keys, Piece(new_key)],
                [*values, Piece(new_value)],
            )
        )
    total.backward()
    leaves = [key, value, *(leaf for group in later for leaf in group)]
    return [leaf.grad for leaf in leaves if leaf.grad is not None]


def test_what_later_passes_attend_to_has_the_gradient_of_plain_products() -> None:
    found, expected = gradients(kept=True), gradients(kept=False)
    assert len(found) == len(expected) == 8
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


def test_the_gradient_of_what_was_read_waits_in_the_form_of_its_factors() -> None:
    key = draw(ROWS, GROUPS, READ, WIDTH, seed=0)
    piece = keep(key * 2)
    arrived: list[Tensor | None] = []
    piece.states.register_hook(arrived.append)
    query = draw(ROWS, GROUPS, LATER, WIDTH, seed=1)
    (piece.compared(query).sum() + piece.compared(query).sum()).backward()
    assert not [gradient for gradient in arrived if gradient is not None]  # (B, G, P, D) of each pass
    assert piece.ledger == []
    torch.testing.assert_close(key.grad, (4 * query.sum(2, keepdim=True)).expand_as(key).detach())


@pytest.mark.parametrize("learns", [True, False])
def test_nothing_waits_where_nothing_learns(learns: bool) -> None:
    states = draw(ROWS, GROUPS, READ, WIDTH, seed=0).detach().requires_grad_(learns)
    with torch.set_grad_enabled(not learns):
        assert keep(states).ledger is None
