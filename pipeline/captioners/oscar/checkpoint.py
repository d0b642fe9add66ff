"""Oscar checkpoints as they lie on disk: both layouts, `.bin` or safetensors, every weight accounted for."""

import hashlib
import json
import pickle
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from transformers import BertTokenizer
from transformers.utils import logging as transformers_logging

from dgf.pipeline.captioners.oscar.network import Oscar, OscarConfig
from dgf.pipeline.errors import UserError

FILES = ("model.safetensors", "pytorch_model.bin")
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
WORDS_IN = "bert.embeddings.word_embeddings.weight"
WORDS_OUT = "cls.predictions.decoder.weight"
BIAS = "cls.predictions.bias"
HEAD_2020 = re.compile(r"^(transform\.|decoder\.weight$)")
BUFFER = "bert.embeddings.position_ids"  # written by some later tools; it holds 0, 1, 2, ...
NAMED = 6  # how many faulty keys a message shows

Layout = Literal["2020", "2021"]


@dataclass(frozen=True)
class OscarCheckpoint:
    """A loaded checkpoint.

    Args:
        model: In evaluation mode, on the CPU, float32.
        tokenizer: Made from its vocabulary.
        layout: `2021` is today's; the 2020 release named its head otherwise and scored captions otherwise.
    """

    model: Oscar
    tokenizer: BertTokenizer
    layout: Layout


def weights_file(folder: Path) -> Path:
    """The file of weights in a checkpoint's folder.

    Raises:
        UserError: The folder is not a checkpoint: names the file that is missing and what to fetch.
    """
    hint = (
        "An Oscar captioning checkpoint is a folder with config.json, vocab.txt and pytorch_model.bin (or "
        "model.safetensors), such as the image captioning models of the Oscar repository's model zoo: download one, "
        "unpack it, and give its folder as --oscar."
    )
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder.", hint)
    for name in ("config.json", "vocab.txt"):
        if not (folder / name).is_file():
            raise UserError(f"{folder / name} is missing.", hint)
    for name in FILES:
        if (folder / name).is_file():
            return folder / name
    raise UserError(f"{folder} has neither {FILES[0]} nor {FILES[1]}.", hint)


def describe_checkpoint(folder: Path) -> dict[str, Any]:
    """What tells this checkpoint from others, without loading it: digests of everything that words depend on."""
    weights = weights_file(folder)
    digests = {}
    for path in (weights, folder / "config.json", folder / "vocab.txt", folder / "tokenizer_config.json"):
        if path.is_file():
            with path.open("rb") as file:
                digests[path.name] = hashlib.file_digest(file, "sha256").hexdigest()
    return {"sha256": digests}


def read_config(folder: Path) -> OscarConfig:
    """The configuration of a checkpoint.

    Raises:
        UserError: The file is not JSON or has a value that cannot be.
    """
    path = folder / "config.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict):
            raise ValueError("not an object")
        return OscarConfig.from_mapping(content)
    except ValueError as error:
        raise UserError(f"{path} is not an Oscar configuration: {error}.", "Fetch the checkpoint again.") from error


def load_checkpoint(folder: Path) -> OscarCheckpoint:
    """Load a checkpoint; a weight that is missing, left over or of another shape is an error that names it.

    Raises:
        UserError: Names the file and every fault in it.
    """
    path = weights_file(folder)
    config, tokenizer = read_config(folder), load_tokenizer(folder)
    if len(tokenizer) > config.vocab_size:
        raise UserError(
            f"{folder / 'vocab.txt'} has {len(tokenizer)} words, config.json says {config.vocab_size}.",
            "They are of different checkpoints: fetch both again from one place.",
        )
    weights, layout = today(read_weights(path))
    if layout == "2020":
        config = replace(config, tie_weights=False, output_bias=False)
    with torch.device("meta"):  # nothing is left random: what is not assigned below stays without data
        model = Oscar(config)
    assign(model, weights, path)
    return OscarCheckpoint(model.eval(), tokenizer, layout)


def read_weights(path: Path) -> dict[str, Tensor]:
    """Every tensor of a file; nothing is ever unpickled but tensors.

    Raises:
        UserError: The file cannot be read, or holds something else.
    """
    hint = "Fetch it again; a file that holds more than tensors has to be saved anew as safetensors."
    try:
        if path.suffix == ".safetensors":
            content = load_file(path)
        else:
            content = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError, SafetensorError) as error:
        raise UserError(f"{path} cannot be read as weights: {str(error).splitlines()[0]}", hint) from error
    if not isinstance(content, dict) or not all(
        isinstance(key, str) and isinstance(value, Tensor) for key, value in content.items()
    ):
        raise UserError(f"{path} does not hold a table of tensors.", hint)
    return dict(content)


def today(weights: dict[str, Tensor]) -> tuple[dict[str, Tensor], Layout]:
    """Bring a checkpoint's names to today's layout, and tell in which it came.

    `gamma` and `beta` become `weight` and `bias`; the head of 2020 (`transform.*`, `decoder.weight`) moves.
    """
    renamed = {}
    layout: Layout = "2021"
    for key, value in weights.items():
        if HEAD_2020.match(key):
            key, layout = f"cls.predictions.{key}", "2020"
        key = re.sub(r"\bgamma$", "weight", re.sub(r"\bbeta$", "bias", key))
        if key != BUFFER:
            renamed[key] = value
    return renamed, layout


def assign(model: Oscar, weights: dict[str, Tensor], path: Path) -> None:
    """Give a model its weights, all of them and no others.

    Raises:
        UserError: Names what is missing, left over, or shaped otherwise.
    """
    wanted = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    if model.config.tie_weights:
        if WORDS_OUT not in weights and WORDS_IN in weights:  # safetensors stores a shared tensor once
            weights = {**weights, WORDS_OUT: weights[WORDS_IN]}
        elif WORDS_OUT in weights and WORDS_IN in weights and not torch.equal(weights[WORDS_OUT], weights[WORDS_IN]):
            raise UserError(
                f"{path}: config.json ties {WORDS_OUT} to {WORDS_IN}, but they differ.",
                "Set tie_weights to false in its config.json if the head was trained apart.",
            )
    faults = [
        _named("missing", sorted(wanted.keys() - weights.keys())),
        _named("left over", sorted(weights.keys() - wanted.keys())),
        _named(
            "of another shape",
            [
                f"{name} {tuple(weights[name].shape)} instead of {shape}"
                for name, shape in wanted.items()
                if name in weights and tuple(weights[name].shape) != shape
            ],
        ),
    ]
    if any(faults):
        raise UserError(
            f"{path} does not fit the Oscar captioner of its config.json: {'; '.join(filter(None, faults))}.",
            "Is it a captioning checkpoint, with the config.json it came with? A renamed weight is never guessed.",
        )
    model.load_state_dict({name: value.float() for name, value in weights.items()}, assign=True)
    if model.config.tie_weights:
        model.cls.predictions.decoder.weight = model.bert.embeddings.word_embeddings.weight
    for module in model.modules():  # buffers that no checkpoint stores were left on the meta device
        for name, buffer in module.named_buffers(recurse=False):
            if buffer.is_meta:
                values = torch.arange(buffer.shape[-1]) if name == "position_ids" else torch.zeros(1).long()
                setattr(module, name, values.expand(buffer.shape))


def load_tokenizer(folder: Path) -> BertTokenizer:
    """The word pieces of a checkpoint's `vocab.txt`.

    Raises:
        UserError: The vocabulary lacks a special word, or has one twice.
    """
    path = folder / "vocab.txt"
    words = path.read_text(encoding="utf-8").splitlines()
    lower = True
    settings = folder / "tokenizer_config.json"
    if settings.is_file():
        try:
            lower = bool(json.loads(settings.read_text(encoding="utf-8")).get("do_lower_case", True))
        except (ValueError, AttributeError) as error:
            raise UserError(f"{settings} cannot be read: {error}.", "Fetch the checkpoint again.") from error
    missing = [word for word in SPECIAL if word not in words]
    if missing or len(set(words)) != len(words):
        fault = f"lacks {', '.join(missing)}" if missing else "holds a word twice"
        raise UserError(f"{path} is not a BERT vocabulary: it {fault}.", "Fetch the checkpoint again.")
    return make_tokenizer(words, lower=lower)


def make_tokenizer(words: list[str], *, lower: bool = True) -> BertTokenizer:
    """WordPiece over a vocabulary, ids in the order given."""
    verbosity = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity_error()
    try:
        return BertTokenizer(vocab={word: index for index, word in enumerate(words)}, do_lower_case=lower)
    finally:
        transformers_logging.set_verbosity(verbosity)


def _named(what: str, names: list[str]) -> str:
    if not names:
        return ""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{what}: {', '.join(names[:NAMED])}{more}"
