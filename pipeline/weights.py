"""Weights of the networks that read photos: where they come from, how they are told apart, how they are read."""

import hashlib
import os
import re
import urllib.error
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from dgf.pipeline.array_pickle import read_arrays
from dgf.pipeline.errors import UserError

Source = int | Path
"""A seed for random weights, or a file."""

_NAMES_SHOWN = 5


def resolve(weights: str, *, what: str, published: Callable[[str], str | None]) -> Source:
    """Finds weights; fetches them only where their published name was given.

    Args:
        weights: `random`, `random:SEED`, a published name, or a file.
        what: The network, for messages.
        published: Gives the address of a published name, None for any other text.

    Raises:
        UserError: No such file or name, or it cannot be fetched.
    """
    if weights == "random" or weights.startswith("random:"):
        seed = weights.partition(":")[2] or "0"
        if not re.fullmatch(r"\d{1,9}", seed):
            raise UserError(f"weights {weights!r} of {what}: the seed is a whole number", "Write random:0")
        return int(seed)
    address = published(weights)
    if address is not None:
        return fetch(address, what)
    path = Path(weights).expanduser()
    if path.is_file():
        return path
    names = "" if published("default") is None else ", `default` (the published weights)"
    raise UserError(f"weights {weights!r} of {what}: no such file", f"Give a file{names}, or `random`")


def fetch(address: str, what: str) -> Path:
    """The published file from torch's cache, or from the network into it.

    Raises:
        UserError: It is in no cache and cannot be fetched; says what to fetch and where to put it.
    """
    name = address.rsplit("/", 1)[1]
    path = Path(torch.hub.get_dir()) / "checkpoints" / name
    if path.is_file():
        return path
    hint = f"Fetch {address} where there is a network and put it at {path}, or give its path as weights"
    if os.environ.get("HF_HUB_OFFLINE", "0").upper() in {"1", "ON", "YES", "TRUE"}:
        raise UserError(f"weights of {what}: {name} is not here, and HF_HUB_OFFLINE is set", hint)
    digest = re.search(r"-([0-9a-f]{8,})\.", name)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(address, str(path), digest and digest[1])
    except (urllib.error.URLError, OSError, RuntimeError) as error:
        raise UserError(f"weights of {what}: {name} cannot be fetched: {error}", hint) from error
    return path


def identify(source: Source) -> str:
    """`random:SEED` or `sha256:...` of the file."""
    if isinstance(source, int):
        return f"random:{source}"
    with source.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def read_state(path: Path) -> dict[str, Tensor]:
    """Reads named tensors from `.safetensors`, a file of torch (weights only), or a `.pkl` of named arrays.

    Nothing in a file is ever run or unpickled: see torch's weights-only reader, and `array_pickle`.

    Raises:
        UserError: The file is none of these, is damaged, or holds something else.
    """
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            loaded: Any = load_file(path)
        elif path.suffix == ".pkl":
            loaded = read_arrays(path)
        else:
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    # The readers raise whatever the damaged byte led them to.
    except Exception as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise UserError(
            f"{path}: cannot be read as weights: {reason}",
            "A .safetensors file, a .pth file of tensors, or a .pkl file of arrays is wanted; fetch it again",
        ) from error
    while isinstance(loaded, Mapping) and isinstance(loaded.get("model", loaded.get("state_dict")), Mapping):
        loaded = loaded.get("model", loaded.get("state_dict"))
    state = {
        str(name): torch.from_numpy(value) if isinstance(value, np.ndarray) else value
        for name, value in (loaded.items() if isinstance(loaded, Mapping) else ())
        if isinstance(value, np.ndarray | Tensor)
    }
    if not state:
        raise UserError(f"{path}: holds no named tensors", "Give the file of a model's weights")
    return state


def fill(module: nn.Module, state: Mapping[str, Tensor], path: Path, *, ignore: Iterable[str] = ()) -> None:
    """Copies a state into a network. Every name and shape must match.

    Args:
        module: The network.
        state: Named tensors.
        path: Where they come from, for messages.
        ignore: Regular expressions of names in the state that the network does without.

    Raises:
        UserError: Names the first that are missing, left over, or of another shape.
    """
    skip = re.compile("|".join(f"(?:{pattern})" for pattern in (*ignore, r".*\.num_batches_tracked")))
    own = module.state_dict()
    given = {name: value for name, value in state.items() if name in own or not skip.fullmatch(name)}
    faults = [f"{name} is missing" for name in own if name not in given and not skip.fullmatch(name)]
    faults += [f"{name} is not part of the network" for name in given if name not in own]
    faults += [
        f"{name} has shape {tuple(given[name].shape)} instead of {tuple(value.shape)}"
        for name, value in own.items()
        if name in given and given[name].shape != value.shape
    ]
    if faults:
        more = f"; and {len(faults) - _NAMES_SHOWN} more" if len(faults) > _NAMES_SHOWN else ""
        raise UserError(
            f"{path}: these weights are of another network: {'; '.join(faults[:_NAMES_SHOWN])}{more}",
            "Give the weights of the model that was asked for",
        )
    module.load_state_dict(given, strict=False)
