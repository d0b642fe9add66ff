"""A mention that is an object of the photo is read as that object, and as nothing else."""

from collections.abc import Callable

import pytest
import torch

from dgf.model.batch import Batch
from dgf.model.dgf_pt.inputs import place_objects
from dgf.model.dgf_pt.network import DGF


def test_an_object_takes_the_place_of_its_words_alone() -> None:
    text, objects = torch.zeros(2, 4, 3), torch.arange(12.0).view(2, 2, 3) + 1
    at = torch.zeros(2, 2, 4, dtype=torch.bool)
    at[:, 0, 1], at[:, 1, 2:] = True, True
    there = torch.tensor([[True, True], [True, False]])
    placed = place_objects(text, at, torch.tensor([[-1, 1], [0, 1]]), objects, there)
    assert torch.equal(placed[0, 2:], objects[0, 1].expand(2, 3)) and not placed[0, :2].any()
    assert torch.equal(placed[1, 1], objects[1, 0]) and not placed[1, [0, 2, 3]].any()  # an object that is not there


@pytest.mark.parametrize("markers", [False, True])
def test_the_answer_depends_on_the_object_and_not_on_the_words_in_its_place(
    network: Callable[..., DGF], full_batch: Batch, markers: bool
) -> None:
    model = network(markers=markers, plm="frozen")
    assert full_batch.object_mask is not None
    row = int(full_batch.object_mask.sum(1).argmax())
    assert full_batch.object_mask[row, :2].all()
    which = torch.full((len(full_batch), 2), -1)
    first = which.clone()
    which[row, 1], first[row, 1] = 1, 0
    start, end = full_batch.spans[row, 1].tolist()
    other = full_batch.tokens.clone()
    other[row, start:end] = (other[row, start:end] + 1) % 7

    def say(batch: Batch) -> torch.Tensor:
        with torch.no_grad():
            return model(batch).log_probs

    plain, boxed = say(full_batch), say(full_batch.having(mention_objects=which))
    rest = [i for i in range(len(full_batch)) if i != row]
    assert torch.equal(plain[rest], boxed[rest])
    assert not torch.allclose(plain[row], boxed[row])
    assert not torch.allclose(say(full_batch.having(mention_objects=first))[row], boxed[row])
    assert torch.equal(say(full_batch.having(mention_objects=which, tokens=other))[row], boxed[row])
    unseen = full_batch.having(objects=None, object_mask=None, blocks=None, image_mask=None)
    assert torch.equal(say(unseen.having(mention_objects=which)), say(unseen))
