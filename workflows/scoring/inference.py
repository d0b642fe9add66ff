"""A model over a whole split, in order: scores, types and gates of every row."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from dgf.model.interface import RelationModel
from dgf.workflows.data import BatchMaker, by_length
from dgf.workflows.devices import autocast

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Predictions:
    """What a model says of n rows, in the order of the split.

    Args:
        log_probs: (n, R) log-probability of each relation.
        type_log_probs: (n, 2, T) of head and tail types; None where the model predicts none.
        object_weights: (n, K) weight of each object; zeros without a photo.
        image_gate: (n,) how far the image was let through; zero without a photo.
    """

    log_probs: Floats
    type_log_probs: Floats | None = None
    object_weights: Floats | None = None
    image_gate: Floats | None = None

    @property
    def relations(self) -> NDArray[np.int64]:
        """(n,) id of the most probable relation."""
        return np.asarray(self.log_probs.argmax(axis=1), np.int64)


def predict(
    model: RelationModel, maker: BatchMaker, *, batch_size: int, device: torch.device, precision: str, title: str
) -> Predictions:
    """Run a model without gradients over every row.

    Args:
        model: Put into evaluation mode here.
        maker: The split.
        batch_size: Rows at once; rows of like length go together.
        device: Where the model is.
        precision: `auto`, `float32` or `bfloat16`.
        title: Of the progress bar.
    """
    model.eval()
    columns: dict[str, Floats] = {}
    count = len(maker.examples)
    bar = tqdm(total=count, desc=title, unit="row", leave=False, dynamic_ncols=True)
    with bar, torch.inference_mode(), autocast(device, precision):
        for rows in by_length(maker.examples.lengths, batch_size):
            batch = maker(rows).to(device)
            output = model(batch)
            shown = output.attributions
            found = {"log_probs": output.log_probs, "type_log_probs": output.type_log_probs}
            found |= {"object_weights": shown.object_weights, "image_gate": shown.image_gate}
            for name, value in found.items():
                if value is not None:
                    array = value.float().cpu().numpy()
                    columns.setdefault(name, np.zeros((count, *array.shape[1:]), np.float32))[rows] = array
            bar.update(len(rows))
    return Predictions(**columns)
