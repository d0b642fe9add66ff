"""Networks trained on little worlds learn what tells the relation, lose little to noise, and say which it was."""

from functools import cache

import pytest
import torch
from torch import Tensor

from dgf.model.counterfactuals import Effects, measure_effects
from dgf.model.dgf_pt.network import DGF
from dgf.model.interface import Attributions
from support.worlds import Rows, World, accuracy, draw, train

CHANCE = 0.25
LEARNED = 0.95
ROWS_AND_STEPS = {"photo": (600, 80), "object": (1500, 200), "caption": (800, 100), "mixed": (1000, 150)}


@cache
def learned(world: World) -> tuple[DGF, Rows]:
    """A network trained on a world, and rows of it that it has not seen."""
    count, steps = ROWS_AND_STEPS[world]
    net = train(draw(world, count, seed=1), steps, photo_dropout=0.25 if world == "mixed" else 0.0)
    return net, draw(world, 400, seed=2)


@cache
def explained(world: World) -> tuple[Attributions, Effects]:
    """Where that network looks in those rows, and what masking does to them."""
    net, rows = learned(world)
    with torch.no_grad():
        output = net(rows.batch)
    return output.attributions, measure_effects(net, rows.batch, output.log_probs, at_once=400)


def share_in_order(higher: Tensor, lower: Tensor) -> float:
    """Return the area under the ROC curve: how often a value of the one is above a value of the other."""
    return float((higher[:, None] > lower).float().mean())


@pytest.mark.parametrize("world", ["photo", pytest.param("object", marks=pytest.mark.long), "caption"])
def test_what_decides_is_learned_and_nothing_else_tells_it(world: World) -> None:
    net, rows = learned(world)
    assert accuracy(net, rows) >= (0.9 if world == "object" else LEARNED)
    assert accuracy(net, rows.without_photos()) < CHANCE + 0.1


@pytest.mark.parametrize("world", ["photo", "object", "caption"])
def test_the_effects_name_what_decides(world: World) -> None:
    _, effects = explained(world)
    sizes = {"photo": effects.photo.mean(), "caption": effects.caption.mean()}
    decides = "caption" if world == "caption" else "photo"
    assert sizes[decides] > 0.9 and sizes[decides] > 3 * max(sizes[name] for name in sizes.keys() - {decides})
    if world == "photo":  # of which no object has a part
        assert effects.objects.abs().mean() < 0.2 * sizes["photo"]


def test_the_object_that_decides_has_the_largest_effect_and_the_weight() -> None:
    attributions, effects = explained("object")
    _, rows = learned("object")
    assert attributions.relevance is not None and attributions.mention_weights is not None
    row = torch.arange(len(rows.batch))
    assert (effects.objects.argmax(1) == rows.deciding).float().mean() > 0.8
    assert attributions.relevance[row, 0, rows.deciding].mean() > 2 * CHANCE
    assert attributions.mention_weights[row, 0, rows.deciding].mean() > 1.4 * CHANCE


@pytest.mark.long
def test_helpful_photos_are_told_from_junk_by_their_effect() -> None:
    net, rows = learned("mixed")
    _, effects = explained("mixed")
    helpful = rows.deciding.bool()
    assert accuracy(net, rows) >= LEARNED
    assert share_in_order(effects.photo[helpful], effects.photo[~helpful]) > 0.95
    assert effects.photo[helpful].mean() > 1 and effects.photo[~helpful].abs().mean() < 0.2


@pytest.mark.long
def test_photos_and_captions_of_noise_cost_few_points() -> None:
    rows, unseen = draw("noise", 600, seed=1), draw("noise", 1000, seed=2)
    alone = accuracy(train(rows.without_photos(), 150), unseen.without_photos())
    assert alone > 0.9, "the sentence tells the relation of nine rows in ten"
    assert accuracy(train(rows, 150), unseen) > alone - 0.02
