"""Checkpoints of a training run: whole or not there, and nothing but tensors and plain values in them."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dgf.pipeline.errors import UserError
from dgf.pipeline.files import write_atomic

ANEW = "Delete it to start anew."


def save_checkpoint(file: Path, state: Mapping[str, Any]) -> None:
    """Writes tensors and plain values to one file, whole or not at all."""
    buffer = io.BytesIO()
    torch.save(dict(state), buffer)
    write_atomic(file, buffer.getvalue())


def load_checkpoint(file: Path) -> dict[str, Any]:
    """Reads a checkpoint; nothing but tensors and plain values is accepted.

    Raises:
        UserError: If it is damaged or holds anything else.
    """
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for a damaged file
        raise UserError(f"{file}: not a readable checkpoint ({type(error).__name__})", ANEW) from error
    return dict(state)


def trained_state(network: torch.nn.Module) -> dict[str, Tensor]:
    """The weights that training changes; those of a frozen language model are left out."""
    return {name: p.detach().cpu() for name, p in network.named_parameters() if p.requires_grad}


def restore_trained(network: torch.nn.Module, state: Mapping[str, Tensor], file: Path) -> None:
    """Puts trained weights back.

    Raises:
        UserError: If names or shapes differ from the network's.
    """
    own = {name: p for name, p in network.named_parameters() if p.requires_grad}
    wrong = sorted(own.keys() ^ state.keys()) or [n for n in own if own[n].shape != state[n].shape]
    if wrong:
        raise UserError(f"{file}: does not fit the network: {', '.join(wrong[:3])} differ", ANEW)
    with torch.no_grad():
        for name, parameter in own.items():
            parameter.copy_(state[name])
