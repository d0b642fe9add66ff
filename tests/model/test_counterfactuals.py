"""What masking does to a prediction, against masks set by hand, a row at a time."""

from dataclasses import replace

import pytest
import torch

from dgf.model.batch import Batch
from dgf.model.counterfactuals import measure_effects
from dgf.model.dgf_pt.network import DGF
from support.batches import select_rows

CLOSE = {"rtol": 0, "atol": 1e-5}


def open_network(network) -> DGF:
    """An untrained network whose gates are open, so that everything has an effect."""
    net = network()
    torch.manual_seed(0)
    for layer in (net.fusion.mlp[3], net.decoder.classify_image, net.decoder.classify):
        torch.nn.init.normal_(layer.weight, std=0.3)
    return net


def lost_without(net: DGF, batch: Batch, row: int, **masks: torch.Tensor) -> float:
    """How much less likely the row's predicted relation is with these masks, read on its own."""
    alone = select_rows(batch, torch.tensor([row]))
    with torch.no_grad():
        before, after = net(alone).log_probs[0], net(replace(alone, **masks)).log_probs[0]
    return float(before.max() - after[before.argmax()])


@pytest.mark.parametrize("at_once", [1, 5, 100])
def test_each_effect_is_that_of_one_mask_in_its_own_row(network, full_batch, at_once):
    net = open_network(network)
    with torch.no_grad():
        effects = measure_effects(net, full_batch, net(full_batch).log_probs, at_once)
    nothing = torch.tensor([False])
    for row in range(len(full_batch)):
        seen = full_batch.object_mask[row : row + 1]
        photo = lost_without(net, full_batch, row, object_mask=seen & False, image_mask=nothing)
        assert effects.photo[row].item() == pytest.approx(photo, abs=1e-5)
        caption = lost_without(net, full_batch, row, caption_mask=nothing)
        assert effects.caption[row].item() == pytest.approx(caption, abs=1e-5)
        for place in range(seen.shape[1]):
            others = seen & (torch.arange(seen.shape[1]) != place)
            one = lost_without(net, full_batch, row, object_mask=others)
            assert effects.objects[row, place].item() == pytest.approx(one, abs=1e-5)
    there = full_batch.object_mask
    assert effects.objects[there].abs().median() > 1e-3 and (effects.objects[~there] == 0).all()
    assert effects.photo.abs().max() > 0.1 and (effects.photo[[4, 6]] == 0).all()
    assert (effects.caption[[0, 2, 5]].abs() > 1e-3).all() and (effects.caption[[1, 3, 4, 6]] == 0).all()


def test_what_a_batch_does_not_bring_has_no_effect(network, text_batch):
    net = open_network(network)
    effects = measure_effects(net, text_batch, net(text_batch).log_probs, 3)
    assert effects.objects.shape == (7, 0) and not effects.photo.any() and not effects.caption.any()


def test_no_relation_reaches_an_effect_and_it_is_the_predicted_one(network, full_batch):
    net = open_network(network)
    unlabelled = replace(full_batch, relations=None, type_targets=None, sentences=None)
    with torch.no_grad():
        log_probs = net(full_batch).log_probs
        one, two = measure_effects(net, full_batch, log_probs, 7), measure_effects(net, unlabelled, log_probs, 7)
        bare = replace(full_batch, object_mask=full_batch.object_mask & False, image_mask=full_batch.image_mask & False)
        without = net(bare).log_probs
    for name in ("photo", "objects", "caption"):
        assert torch.equal(getattr(one, name), getattr(two, name))
    predicted = log_probs.argmax(1, keepdim=True)
    assert not torch.equal(predicted[:, 0], full_batch.relations)
    torch.testing.assert_close(one.photo, (log_probs - without).gather(1, predicted)[:, 0], **CLOSE)
