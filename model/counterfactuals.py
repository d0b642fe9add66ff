"""What each thing that a row shows did for its prediction: the same row read again without it, by any model."""

from dataclasses import dataclass

import torch
from torch import Tensor

from dgf.model.batch import Batch
from dgf.model.interface import RelationModel


@dataclass(frozen=True, slots=True)
class Effects:
    """Log-probability of the predicted relation with everything, minus that without one thing.

    Above zero the thing spoke for the prediction, below zero against it; zero also stands where it was not there.

    Args:
        photo: (B,) of all objects and blocks together; the caption stays.
        objects: (B, K) of each object alone; K is 0 where the batch has none.
        caption: (B,) of the caption alone.
    """

    photo: Tensor
    objects: Tensor
    caption: Tensor


@torch.no_grad()
def measure_effects(model: RelationModel, batch: Batch, log_probs: Tensor, at_once: int) -> Effects:
    """Mask the photo, each object and the caption of every row in turn, and ask for the predicted relation again.

    Everything that is to be read again is one long batch, of which `at_once` rows at a time are in memory; what a
    row does not have is not masked. No relation of the batch is looked at.

    Args:
        model: In evaluation mode.
        batch: B rows.
        log_probs: (B, R) what the model says of them.
        at_once: Rows in memory.
    """
    there = _find_things(batch)
    effects = torch.zeros(there.shape, device=there.device)  # (B, 2 + K)
    predicted = log_probs.argmax(1)
    rows, things = there.nonzero(as_tuple=True)  # (V,) each
    for start in range(0, len(rows), at_once):
        row, thing = (column[start : start + at_once] for column in (rows, things))
        without = model(_mask_things(_take_rows(batch, row), thing)).log_probs
        lost = (log_probs[row] - without).gather(1, predicted[row].unsqueeze(1))
        effects[row, thing] = lost[:, 0].float()
    return Effects(photo=effects[:, 0], objects=effects[:, 2:], caption=effects[:, 1])


def _find_things(batch: Batch) -> Tensor:
    """Return (B, 2 + K) bool, whether each row has a photo, a caption, and each of the objects."""
    nothing = batch.token_mask.new_zeros(len(batch), 1)
    objects = nothing[:, :0] if batch.object_mask is None else batch.object_mask
    image = nothing if batch.image_mask is None else batch.image_mask.unsqueeze(1)
    caption = nothing if batch.caption_mask is None else batch.caption_mask.unsqueeze(1)
    photo = torch.cat([image, objects], 1).any(1, keepdim=True)
    return torch.cat([photo, caption, objects], 1)


def _take_rows(batch: Batch, rows: Tensor) -> Batch:
    """Return the batch of these rows, (V,), which may name one several times."""
    return batch.each(lambda values: values[rows])


def _mask_things(batch: Batch, things: Tensor) -> Batch:
    """Take from each of V rows the one thing, (V,), that `_find_things` has in that column."""
    masks: dict[str, Tensor] = {}
    if batch.object_mask is not None:
        columns = torch.arange(batch.object_mask.shape[1], device=things.device) + 2
        masks["object_mask"] = batch.object_mask & (things != 0).unsqueeze(1) & (columns != things.unsqueeze(1))
    if batch.image_mask is not None:
        masks["image_mask"] = batch.image_mask & (things != 0)
    if batch.caption_mask is not None:
        masks["caption_mask"] = batch.caption_mask & (things != 1)
    return batch.having(**masks)
