"""Batches cut for tests."""

from torch import Tensor

from dgf.model.batch import Batch


def select_rows(batch: Batch, rows: Tensor) -> Batch:
    """The rows that an index tensor (n,) or a bool mask (B,) names, padding kept."""
    return Batch(**{name: None if value is None else value[rows] for name, value in batch.items()})
