"""Weights of the networks that read photos: where they come from, how they are told apart, how they are read."""

import hashlib
import os
import re
import urllib.error
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from dgf.pipeline.array_pickle import check_names, read_arrays
from dgf.pipeline.errors import UserError, foreign_reason
from dgf.pipeline.file_kinds import check_kind

WeightSource = int | Path
"""A seed for random weights, or a file."""

_NAMES_SHOWN = 5

_WANTED = (
    "A .safetensors file, a .pth or .bin file of tensors alone, or a .pkl file of arrays is wanted: fetch it again, or "
    "save it as safetensors"
)


def random_seed(text: str) -> int | None:
    """The seed that `random` (0) or `random:SEED` asks for; None for any other text.

    Raises:
        UserError: SEED is not a whole number.
    """
    name, _, seed = text.partition(":")
    if name != "random":
        return None
    if not re.fullmatch(r"[0-9]{0,18}", seed):  # more digits than torch takes
        raise UserError(f"{text}: the seed is not a whole number of at most 18 digits.", "Write random or random:SEED.")
    return int(seed or 0)


@contextmanager
def seeded(source: WeightSource) -> Iterator[None]:
    """Draw torch's random numbers from a seed, and leave those of the process as they were."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(source if isinstance(source, int) else 0)
        yield


def resolve_weights(weights: str, *, what: str, published: Callable[[str], str | None]) -> WeightSource:
    """Find weights; fetch them only where their published name was given.

    Args:
        weights: `random`, `random:SEED`, a published name, or a file.
        what: The network, for messages.
        published: Gives the address of a published name, None for any other text.

    Raises:
        UserError: No such file or name, or it cannot be fetched.
    """
    seed = random_seed(weights)
    if seed is not None:
        return seed
    address = published(weights)
    if address is not None:
        return fetch_weights(address, what)
    path = Path(weights).expanduser()
    if path.is_file():
        return path
    names = "" if published("default") is None else ", `default` (the published weights)"
    raise UserError(f"weights {weights!r} of {what}: no such file", f"Give a file{names}, or `random`")


def fetch_weights(address: str, what: str) -> Path:
    """Take the published file from torch's cache, or fetch it from the network into the cache.

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


def identify_weights(source: WeightSource) -> str:
    """`random:SEED` or `sha256:...` of the file."""
    if isinstance(source, int):
        return f"random:{source}"
    with source.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def load_torch_file(path: Path) -> Any:
    """Read a file of torch as weights only: nothing in it is run.

    Raises:
        Exception: Of any kind, whatever a damaged byte leads torch to.
    """
    check_names(path)
    with warnings.catch_warnings(action="ignore"):  # torch's advice on old pickles
        return torch.load(path, map_location="cpu", weights_only=True)


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read named tensors from `.safetensors`, a file of torch (weights only), or a `.pkl` of named arrays.

    Nothing in a file is ever run or unpickled: see torch's weights-only reader, and `array_pickle`.

    Raises:
        UserError: The file is none of these, is damaged, or holds something else.
    """
    check_kind(path, otherwise=".pth")
    loaded: Any
    try:
        match path.suffix.lower():
            case ".safetensors":
                loaded = load_file(path)
            case ".pkl":
                loaded = read_arrays(path)
            case _:
                loaded = load_torch_file(path)
    # The readers raise whatever the damaged byte led them to.
    except Exception as error:
        raise UserError(f"{path} cannot be read as weights: {foreign_reason(error)}", _WANTED) from error
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


def list_mismatches(wanted: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> str:
    """Names of a network's weights that are missing, left over, or of another shape; empty where all fit."""
    kinds = {
        "missing": [name for name in wanted if name not in given],
        "left over": [name for name in given if name not in wanted],
        "of another shape": [
            f"{name} {tuple(given[name].shape)} instead of {tuple(value.shape)}"
            for name, value in wanted.items()
            if name in given and given[name].shape != value.shape
        ],
    }
    return "; ".join(
        f"{kind}: {', '.join(names[:_NAMES_SHOWN])}"
        + (f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else "")
        for kind, names in kinds.items()
        if names
    )


def fill_network(network: nn.Module, state: Mapping[str, Tensor], path: Path, *, ignore: Iterable[str] = ()) -> None:
    """Copy a state, read from a path, into a network. Every name and shape must match.

    The network does without names that match one of the regular expressions to `ignore`.

    Raises:
        UserError: Names the first that are missing, left over, or of another shape.
    """
    skip = re.compile("|".join((*ignore, r".*\.num_batches_tracked")))
    own = network.state_dict()
    given = {name: value for name, value in state.items() if name in own or not skip.fullmatch(name)}
    wanted = {name: value for name, value in own.items() if name in given or not skip.fullmatch(name)}
    if mismatches := list_mismatches(wanted, given):
        raise UserError(
            f"{path}: these weights are of another network: {mismatches}",
            "Give the weights of the model that was asked for",
        )
    network.load_state_dict(given, strict=False)
