"""Saves models and loads them, as safetensors and JSON, and says what differs when a file does not fit.

`model.json` lists the SHA-256 of every other file and ends with its own, so that a changed byte is noticed in any.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModel, AutoTokenizer, PreTrainedModel

from dgf.model.catalog import check_model
from dgf.model.config import accept, plain_values
from dgf.model.errors import ModelError, telling
from dgf.model.interface import RelationModel
from dgf.model.labels import NO_RELATION, LabelSpace
from dgf.model.language_models import WORDS, LanguageModel, WordVectors, build_language_model
from dgf.model.networks import build_model

FORMAT = 2  # since 2, a marked mention's span holds its markers, and T[e] leaves them out
WEIGHTS = "model.safetensors"
CONFIG = "model.json"
TOKENIZER = "tokenizer"
_MAKE_AGAIN = (
    "`dgf train --resume --out` with this run's folder writes it again from the checkpoint of the best epoch, "
    "or put back a copy"
)

_FAR = 100

Shapes = Mapping[str, tuple[int, ...]]
"""Shape of each tensor, by its name."""


def save_model(model: RelationModel, folder: Path) -> None:
    """Write weights, configuration and tokenizer; the folder then needs nothing else.

    The language model's weights are among them whether it was trained or not, so that a run can be evaluated
    where the language model's own folder is gone. `model.json` comes last; the weights and it are written under another
    name and then renamed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    language_model = model.language_model
    about = {
        "format": FORMAT,
        "config": plain_values(model.config),
        "relations": list(model.labels.relations),
        "types": list(model.labels.types),
        "negative": model.labels.negative,
        "object_dim": model.object_dim,
        "block_shape": None if model.block_shape is None else list(model.block_shape),
        "language_model": {
            "spec": language_model.spec,
            "pattern": {key: list(ids) for key, ids in language_model.pattern.items()},
            "config": language_model.model.config.to_dict(),
        },
    }
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    if language_model.tokenizer is not None:
        language_model.tokenizer.save_pretrained(folder / TOKENIZER)
    weights = folder / f"{WEIGHTS}.tmp"
    save_file(state, weights, metadata={"format": "pt"})
    weights.replace(folder / WEIGHTS)
    kept = sorted((folder / TOKENIZER).rglob("*")) if language_model.tokenizer is not None else []
    files = [folder / WEIGHTS, *(path for path in kept if path.is_file())]
    about["files"] = {path.relative_to(folder).as_posix(): _digest_of(path) for path in files}
    text = folder / f"{CONFIG}.tmp"
    text.write_bytes(_dump_about(about))
    text.replace(folder / CONFIG)


def load_model(folder: Path) -> RelationModel:
    """Load the model that `save_model` wrote, in evaluation mode on the CPU.

    Raises:
        ModelError: A file is missing, damaged, foreign or of another format, with everything that differs.
    """
    about = _read_about(folder)
    _check_files(folder, about)
    stored = _read_shapes(folder / WEIGHTS)
    # A file without a checksum may hold anything.
    with telling(lambda reason: f"{folder / CONFIG}: it makes no network ({reason}); {_MAKE_AGAIN}"):
        model = _build_saved(about, folder, stored)
    _load_weights(model, folder / WEIGHTS, stored)
    return model.eval()


def shared_config(folder: Path, language_model: str) -> bytes:
    """Make the `model.json` of a saved model with another name for its language model, where its own tells a place.

    Raises:
        ModelError: A file that it lists is missing, damaged or foreign.
    """
    about = _read_about(folder)
    _check_files(folder, about)
    kept = about["language_model"]
    named = {"_name_or_path": language_model} if kept["config"].get("_name_or_path") else {}
    about["language_model"] = {**kept, "spec": language_model, "config": kept["config"] | named}
    return _dump_about(about)


def _build_saved(about: Mapping[str, Any], folder: Path, stored: Shapes) -> RelationModel:
    """Build the network that `model.json` describes, with the tokenizer beside it."""
    config = accept(*check_model(about["config"], recorded=True))
    labels = LabelSpace.from_relations(about["relations"], about["types"], about.get("negative", NO_RELATION))
    kept = about["language_model"]
    with telling(lambda reason: f"{folder / CONFIG}: its language model's configuration cannot be read ({reason})"):
        about_kept = {"model_type": kept["config"]["model_type"], **kept["config"]}
    architecture = _build_kept(about_kept, stored, folder)
    tokenizer = _load_tokenizer(folder / TOKENIZER)
    pattern = {key: tuple(ids) for key, ids in kept["pattern"].items()}
    language_model = LanguageModel(architecture, tokenizer, kept["spec"], pattern)
    shape = about["block_shape"]
    return build_model(config, labels, language_model, about["object_dim"], None if shape is None else tuple(shape))


def _build_kept(about: Mapping[str, Any], stored: Shapes, folder: Path) -> PreTrainedModel | WordVectors:
    """Build the language model of a saved configuration, its weights still to come."""
    if about["model_type"] == WORDS:
        size = int(about["vocab_size"]), int(about["hidden_size"])
        _check_size(math.prod(size), stored, folder)
        return WordVectors(torch.zeros(size))
    with telling(lambda r: f"{folder / CONFIG}: its language model's configuration cannot be read ({r})"):
        architecture = AutoConfig.for_model(**{"model_type": about["model_type"], **about})
    layers = int(architecture.num_hidden_layers)
    with torch.device("meta"):
        asked = AutoModel.from_config(architecture).num_parameters() if layers <= len(stored) else math.inf
    _check_size(asked, stored, folder)
    return build_language_model(architecture, 0)


def _check_size(asked: float, stored: Shapes, folder: Path) -> None:
    """Refuse a language model far larger than all the weights beside it, before memory is asked for."""
    there = sum(map(math.prod, stored.values()))
    if asked > _FAR * there:  # a network may keep a part of it alone
        fault = f"its language model would have {asked:,} weights, {WEIGHTS} has {there:,}"
        raise ModelError(f"{folder / CONFIG}: {fault}; {_MAKE_AGAIN}")


def _check_files(folder: Path, about: Mapping[str, Any]) -> None:
    """See that weights and tokenizer are those that `model.json` lists; those of older versions are not listed."""
    for name, digest in about.get("files", {}).items():
        path = folder / name
        try:
            found = _digest_of(path)
        except FileNotFoundError as error:
            raise ModelError(f"{path}: there is no such file; {_MAKE_AGAIN}") from error
        except OSError as error:
            raise ModelError(f"{path}: cannot be read ({error})") from error
        if found != digest:
            raise ModelError(f"{path}: its SHA-256 is not the one in {CONFIG}: the file is damaged; {_MAKE_AGAIN}")


def _load_tokenizer(folder: Path) -> Any:
    if not folder.is_dir():
        return None
    with telling(lambda reason: f"{folder}: the tokenizer cannot be read ({reason}); {_MAKE_AGAIN}"):
        return AutoTokenizer.from_pretrained(str(folder))


def _read_shapes(path: Path) -> Shapes:
    try:
        with safe_open(path, framework="pt") as file:
            return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError as error:
        raise ModelError(f"{path}: there is no such file; the run folder is not complete") from error
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path}: not a safetensors file that can be read ({error})") from error


def _load_weights(model: RelationModel, path: Path, stored: Shapes) -> None:
    expected = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    if differences := list_differences(expected, stored):
        raise ModelError(
            f"{path}: its weights are not those of the network in {CONFIG}; {len(differences)} tensors differ:\n  "
            + "\n  ".join(differences)
        )
    model.load_state_dict(load_file(path))


def list_differences(expected: Shapes, found: Shapes) -> list[str]:
    """Say, a line each, which tensors of a file are not those of a network."""
    return (
        [f"missing: {name} {expected[name]}" for name in sorted(expected.keys() - found.keys())]
        + [f"not of this network: {name} {found[name]}" for name in sorted(found.keys() - expected.keys())]
        + [
            f"of another shape: {name} is {found[name]}, the network has {expected[name]}"
            for name in sorted(expected.keys() & found.keys())
            if expected[name] != found[name]
        ]
    )


def _read_about(folder: Path) -> dict[str, Any]:
    path = folder / CONFIG
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelError(f"{path}: there is no such file; give a folder that `dgf train` wrote") from error
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path}: not JSON that can be read ({error}); {_MAKE_AGAIN}") from error
    if not isinstance(about, dict) or not isinstance(about.get("format"), int):
        raise ModelError(f"{path}: not the configuration of a network of this project (it names no format)")
    # An older version lists no files and has no checksum; one without the other is damage.
    checksum = about.pop("checksum", None)
    if ("files" in about or checksum is not None) and checksum != _checksum(about):
        raise ModelError(f"{path}: has changed since it was written: its checksum is of other content; {_MAKE_AGAIN}")
    if about["format"] != FORMAT:
        raise ModelError(
            f"{path}: written in format {about['format']}, and this version reads format {FORMAT}; "
            "load it with the version that wrote it, or train again"
        )
    wanted = {"config", "relations", "types", "object_dim", "block_shape", "language_model"}
    if missing := sorted(wanted - about.keys()):
        raise ModelError(f"{path}: it lacks {', '.join(missing)}")
    return about


def _dump_about(about: Mapping[str, Any]) -> bytes:
    """Return the content of `model.json`, its checksum included."""
    return (json.dumps({**about, "checksum": _checksum(about)}, indent=2, sort_keys=True) + "\n").encode()


def _digest_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _checksum(about: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(about, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
