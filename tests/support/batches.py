"""Rows of a batch."""

from dataclasses import fields
from typing import Any

from torch import Tensor

from dgf.model.batch import Batch


def select_rows(batch: Batch, rows: Tensor) -> Batch:
    """The rows that an index tensor (n,) or a bool mask (B,) names, padding kept."""
    tensors: dict[str, Any] = {field.name: getattr(batch, field.name) for field in fields(batch) if field.init}
    return Batch(**{name: None if tensor is None else tensor[rows] for name, tensor in tensors.items()})
