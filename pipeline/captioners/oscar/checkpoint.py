"""Oscar checkpoints as they lie on disk: both layouts, `.bin` or safetensors, every weight accounted for."""

import json
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor
from transformers import BertTokenizer

from dgf.pipeline.captioners.oscar.network import Oscar, OscarConfig
from dgf.pipeline.errors import UserError, foreign_reason
from dgf.pipeline.file_kinds import check_kind
from dgf.pipeline.files import file_digest
from dgf.pipeline.shards import BOX_FEATURES
from dgf.pipeline.text_files import read_whole
from dgf.pipeline.weights import list_mismatches, read_weights

_MAX_CHARACTERS = 1 << 24
"""Of a configuration or a vocabulary."""

_FILES = ("model.safetensors", "pytorch_model.bin")
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_WORDS_IN = "bert.embeddings.word_embeddings.weight"
_WORDS_OUT = "cls.predictions.decoder.weight"
_HEAD_2020 = re.compile(r"^(transform\.|decoder\.weight$)")
_BUFFER = "bert.embeddings.position_ids"  # written by some later tools; it holds 0, 1, 2, ...

OscarLayout = Literal["2020", "2021"]


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
    layout: OscarLayout


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
    for name in _FILES:
        if (folder / name).is_file():
            return folder / name
    raise UserError(f"{folder} has neither {_FILES[0]} nor {_FILES[1]}.", hint)


def describe_checkpoint(folder: Path) -> dict[str, Any]:
    """What tells this checkpoint from others, without loading it: digests of everything that words depend on."""
    weights = weights_file(folder)
    files = (weights, *(folder / name for name in ("config.json", "vocab.txt", "tokenizer_config.json")))
    return {"sha256": {path.name: file_digest(path) for path in files if path.is_file()}}


def read_oscar_config(folder: Path) -> OscarConfig:
    """Read the configuration of a checkpoint.

    Raises:
        UserError: The file is not JSON or has a value that cannot be.
    """
    path = folder / "config.json"
    check_kind(path)
    try:
        content = json.loads(read_whole(path, _MAX_CHARACTERS))
        if not isinstance(content, dict):
            raise ValueError("not an object")
        return OscarConfig.from_mapping(content)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        fault = f"{path} is not an Oscar configuration: {foreign_reason(error)}."
        raise UserError(fault, "Fetch the checkpoint again.") from error


def check_width(folder: Path, features: Path, dim: int) -> None:
    """See that a checkpoint reads regions as wide as the shards'.

    Raises:
        UserError: Names both widths, or what the checkpoint lacks.
    """
    weights_file(folder)
    wanted, there = read_oscar_config(folder).img_feature_dim, dim + BOX_FEATURES
    if wanted != there:
        raise UserError(
            f"{folder} reads regions of {wanted} numbers ({wanted - BOX_FEATURES} of the detector and {BOX_FEATURES} "
            f"of the box), those in {features} have {there} ({dim} and {BOX_FEATURES}).",
            f"Extract with a detector whose features have {wanted - BOX_FEATURES} numbers (for published checkpoints "
            "`dgf extract-features --detector visual-genome`), or caption with --backend hf or --captions FILE.",
        )


def load_oscar(folder: Path) -> OscarCheckpoint:
    """Load a checkpoint; a weight that is missing, left over or of another shape is an error that names it.

    Raises:
        UserError: Names the file and every fault in it.
    """
    path = weights_file(folder)
    config, tokenizer = read_oscar_config(folder), load_tokenizer(folder)
    if len(tokenizer) > config.vocab_size:
        raise UserError(
            f"{folder / 'vocab.txt'} has {len(tokenizer)} words, config.json says {config.vocab_size}.",
            "They are of different checkpoints: fetch both again from one place.",
        )
    weights, layout = rename_as_today(read_weights(path))
    if layout == "2020":
        config = replace(config, tie_weights=False, output_bias=False)
    with torch.device("meta"):  # nothing is left random: what is not assigned below stays without data
        model = _build(config, folder / "config.json")
    assign_weights(model, weights, path)
    return OscarCheckpoint(model.eval(), tokenizer, layout)


def _build(config: OscarConfig, path: Path) -> Oscar:
    try:
        return Oscar(config)
    except Exception as error:  # transformers checks some values in its own ways
        fault = f"{path}: its sizes do not make a network: {foreign_reason(error)}"
        raise UserError(fault, "Fetch the checkpoint again.") from error


def rename_as_today(weights: dict[str, Tensor]) -> tuple[dict[str, Tensor], OscarLayout]:
    """Bring a checkpoint's names to today's layout, and tell in which it came.

    `gamma` and `beta` become `weight` and `bias`; the head of 2020 (`transform.*`, `decoder.weight`) moves.
    """
    renamed = {}
    layout: OscarLayout = "2021"
    for key, value in weights.items():
        if _HEAD_2020.match(key):
            key, layout = f"cls.predictions.{key}", "2020"
        key = re.sub(r"\bgamma$", "weight", re.sub(r"\bbeta$", "bias", key))
        if key != _BUFFER:
            renamed[key] = value
    return renamed, layout


def assign_weights(model: Oscar, weights: dict[str, Tensor], path: Path) -> None:
    """Give a model its weights, all of them and no others.

    Raises:
        UserError: Names what is missing, left over, or shaped otherwise.
    """
    tied = model.config.tie_weights
    if tied and _WORDS_IN in weights:
        head = weights.setdefault(_WORDS_OUT, weights[_WORDS_IN])  # safetensors stores a shared tensor once
        if not torch.equal(head, weights[_WORDS_IN]):
            raise UserError(
                f"{path}: config.json ties {_WORDS_OUT} to {_WORDS_IN}, but they differ.",
                "Set tie_weights to false in its config.json if the head was trained apart.",
            )
    if mismatches := list_mismatches(model.state_dict(), weights):
        raise UserError(
            f"{path} does not fit the Oscar captioner of its config.json: {mismatches}.",
            "Is it a captioning checkpoint, with the config.json it came with? A renamed weight is never guessed.",
        )
    model.load_state_dict({name: value.float() for name, value in weights.items()}, assign=True)
    if tied:
        model.cls.predictions.decoder.weight = model.bert.embeddings.word_embeddings.weight


def load_tokenizer(folder: Path) -> BertTokenizer:
    """Read the word pieces of a checkpoint's `vocab.txt`.

    Raises:
        UserError: The vocabulary lacks a special word, or has one twice.
    """
    path = folder / "vocab.txt"
    check_kind(path)
    words = read_whole(path, _MAX_CHARACTERS).splitlines()
    lower = True
    settings = folder / "tokenizer_config.json"
    if settings.is_file():
        try:
            lower = bool(json.loads(read_whole(settings, _MAX_CHARACTERS)).get("do_lower_case", True))
        except (ValueError, AttributeError, RecursionError) as error:
            fault = f"{settings} cannot be read: {foreign_reason(error)}."
            raise UserError(fault, "Fetch the checkpoint again.") from error
    missing = [word for word in SPECIAL if word not in words]
    if missing or len(set(words)) != len(words):
        fault = f"lacks {', '.join(missing)}" if missing else "has a word that appears twice"
        raise UserError(f"{path} is not a BERT vocabulary: it {fault}.", "Fetch the checkpoint again.")
    return make_tokenizer(words, lower=lower)


def make_tokenizer(words: list[str], *, lower: bool = True) -> BertTokenizer:
    """Make WordPiece over a vocabulary, ids in the order given."""
    return BertTokenizer(vocab={word: index for index, word in enumerate(words)}, do_lower_case=lower)
