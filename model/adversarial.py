"""Adversarial training on word embeddings (Miyato et al., 2017): a step also learns from its rows in a harder form."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor


@contextmanager
def moved_against(embeddings: Tensor, gradient: Tensor, length: float) -> Iterator[None]:
    """Move word embeddings to where the loss grows most, while it lasts; afterwards they are exactly what they were.

    Args:
        embeddings: (V, N) table of a language model.
        gradient: (V, N) of a batch's loss; rows of words that the batch does not have are zero and stay in place.
        length: Of the whole movement, in units of the embeddings.
    """
    kept = embeddings.detach().clone()
    with torch.no_grad():
        embeddings.add_(gradient * (length / gradient.norm().clamp(min=torch.finfo(gradient.dtype).tiny)))
    try:
        yield
    finally:
        with torch.no_grad():
            embeddings.copy_(kept)
