"""The network over a whole split, in order: scores, types and gates of every row."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from dgf.model.batch import Batch
from dgf.model.dgf_pt.network import DGF, Output
from dgf.workflows.data.batches import BatchMaker, by_length
from dgf.workflows.devices import autocast

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Predictions:
    """What the network says of n rows, in the order of the split.

    Args:
        log_probs: (n, R) log-probability of each relation.
        type_log_probs: (n, 2, T) of head and tail types; None where the network predicts none.
        object_weights: (n, K) mean weight of each object over the sentence (eq. 4); zeros without a photo.
        image_gate: (n,) mean absolute value of the global gate (eq. 6); zero without a photo.
    """

    log_probs: Floats
    type_log_probs: Floats | None
    object_weights: Floats | None
    image_gate: Floats | None

    @property
    def relations(self) -> NDArray[np.int64]:
        """(n,) id of the most probable relation."""
        return np.asarray(self.log_probs.argmax(axis=1), np.int64)


def predict(
    network: DGF,
    maker: BatchMaker,
    *,
    batch_size: int,
    device: torch.device,
    precision: str,
    title: str,
) -> Predictions:
    """Runs the network without gradients over every row.

    Args:
        network: Put into evaluation mode here.
        maker: The split.
        batch_size: Rows at once; rows of like length go together.
        device: Where the network is.
        precision: `auto`, `float32` or `bfloat16`.
        title: Of the progress bar.
    """
    network.eval()
    columns: dict[str, NDArray[np.float32]] = {}
    count = len(maker.examples)
    bar = tqdm(total=count, desc=title, unit="row", leave=False, dynamic_ncols=True)
    with bar, torch.inference_mode(), autocast(device, precision):
        for rows in by_length(maker.examples.lengths, batch_size):
            batch = maker(rows).to(device)
            for name, value in _columns(network(batch), batch).items():
                if value is not None:
                    array = value.float().cpu().numpy()
                    columns.setdefault(name, np.zeros((count, *array.shape[1:]), np.float32))[rows] = array
            bar.update(len(rows))
    return Predictions(
        columns["log_probs"],
        columns.get("type_log_probs"),
        columns.get("object_weights"),
        columns.get("image_gate"),
    )


def _columns(output: Output, batch: Batch) -> dict[str, Tensor | None]:
    """What is kept of each row; None where the batch had nothing of the kind."""
    alpha, gamma = output.gates.alpha, output.gates.gamma
    mask = batch.token_mask.unsqueeze(-1)  # (B, L, 1)
    return {
        "log_probs": output.log_probs,
        "type_log_probs": output.type_log_probs,
        "object_weights": None if alpha is None else (alpha * mask).sum(1) / mask.sum(1),
        "image_gate": None if gamma is None else gamma.abs().mean(-1),
    }
