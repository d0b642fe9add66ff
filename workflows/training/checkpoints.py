"""Checkpoints of a training run: whole or not there, and nothing but tensors and plain values in them."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from dgf.model.checkpoint import Shapes, list_differences
from dgf.model.interface import RelationModel
from dgf.pipeline.errors import UserError
from dgf.pipeline.files import write_atomic

START_AGAIN = "Delete it to start again."


def save_training_state(file: Path, state: Mapping[str, Any]) -> None:
    """Write tensors and plain values to one file, whole or not at all."""
    buffer = io.BytesIO()
    torch.save(dict(state), buffer)
    write_atomic(file, buffer.getvalue())


def load_training_state(file: Path) -> dict[str, Any]:
    """Read a checkpoint; nothing but tensors and plain values is accepted.

    Raises:
        UserError: If it is damaged or holds anything else.
    """
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for a damaged file
        raise UserError(f"{file}: not a readable checkpoint ({type(error).__name__})", START_AGAIN) from error
    return dict(state)


def trained_state(network: nn.Module | RelationModel) -> dict[str, Tensor]:
    """Return the weights that training changes; those of a frozen language model are left out."""
    return {name: p.detach().cpu() for name, p in network.named_parameters() if p.requires_grad}


def restore_trained(network: nn.Module | RelationModel, state: Mapping[str, Tensor], file: Path) -> None:
    """Put trained weights back.

    Raises:
        UserError: If names or shapes differ from the network's.
    """
    own = {name: p for name, p in network.named_parameters() if p.requires_grad}
    differences = list_differences(_shapes(own), _shapes(state))
    if differences:
        raise UserError("\n  ".join([f"{file}: does not fit the network:", *differences]), START_AGAIN)
    with torch.no_grad():
        for name, parameter in own.items():
            parameter.copy_(state[name])


def _shapes(tensors: Mapping[str, Tensor]) -> Shapes:
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}
