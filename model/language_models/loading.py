"""Loads a language model: from a folder, a GGUF file, a hub, or random."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModel, AutoTokenizer
from transformers.utils import logging as transformers_logging

from dgf.model.errors import ModelError, telling
from dgf.model.language_models.base import PATTERN, WORDLESS_PATTERN, LanguageModel, check_architecture, check_forward
from dgf.model.language_models.random_weights import RANDOM, build_language_model, read_random

_PLAIN = "The people of a city met at the museum in the year 2012, and it was good."
"""Words of which every tokenizer of a language like this one knows some."""

_FEW = 4
"""A vocabulary this many times smaller than the embedding table is not the model's."""


def load_language_model(spec: str, seed: int = 0, *, fetch: bool = True) -> LanguageModel:
    """Load what `spec` names, in float32.

    Args:
        spec: A folder that transformers reads; a `.gguf` file; the name of a model on the Hugging Face hub
            (with HF_HUB_OFFLINE=1 only from the local cache); or `random:NAME`, the real architecture with
            seeded random weights, its sizes changed as in `random:gpt2?n_layer=2&n_embd=64`. NAME is gpt2,
            openai-gpt, bert-base-uncased, llama, or an architecture's name in transformers.
        seed: Seed of random weights.
        fetch: Whether a model of the hub that is not in the local cache may be fetched.

    Raises:
        ModelError: It is not there, cannot be read, or is not an architecture the network can run.
    """
    if spec.startswith(RANDOM):
        return LanguageModel(build_language_model(read_random(spec), seed), spec=spec)
    name, where = locate(spec, fetch=fetch)
    with telling_of(spec):
        config = AutoConfig.from_pretrained(name, **where)
        check_architecture(config, spec)
        bare = {"add_pooling_layer": False} if config.model_type == "bert" else {}
        model, info = AutoModel.from_pretrained(
            name, config=config, dtype=torch.float32, output_loading_info=True, **where, **bare
        )
        tokenizer = AutoTokenizer.from_pretrained(name, **where)
    if missing := sorted(info["missing_keys"]):
        raise ModelError(
            f"{spec}: {len(missing)} weights of its {config.model_type} model are missing, such as {missing[0]}; fetch "
            "the folder again, with every file of the weights"
        )
    check_forward(model, spec)
    with telling_of(spec):
        loaded = LanguageModel(model.eval(), tokenizer, spec)
        _check_tokenizer(loaded)
        loaded.pattern = {key: tuple(loaded.words(text)) or WORDLESS_PATTERN[key] for key, text in PATTERN.items()}
    return loaded


def locate(spec: str, *, fetch: bool) -> tuple[str, dict[str, Any]]:
    """Say what transformers' `from_pretrained` takes to load what `spec` names, which is not random.

    Raises:
        ModelError: It is not there.
    """
    path = Path(spec).expanduser()
    where: dict[str, Any] = {}
    if path.suffix.lower() == ".gguf":
        if not path.is_file():
            raise ModelError(f"{path}: there is no such file; give a .gguf file that exists")
        name, where = str(path.parent), {"gguf_file": path.name}
    elif path.is_dir():
        name = str(path)
        if not (path / "config.json").is_file():
            raise ModelError(f"{path}: no config.json there; give a folder that transformers' save_pretrained wrote")
    elif path.is_absolute() or spec.startswith((".", "~")):
        raise ModelError(f"{path}: there is no such folder; give a language model's folder")
    else:
        name, where = spec, {"local_files_only": not fetch}
    return name, where


@contextlib.contextmanager
def telling_of(spec: str) -> Iterator[None]:
    """Tell whatever the loaders raise as one error that names the model, and keep their own lines back."""
    wanted = (
        "give a folder with its configuration, weights and tokenizer, a .gguf file, or random:gpt2 for random weights"
    )
    hub = "" if Path(spec).expanduser().exists() else f"; a hub's model is fetched where named: language_model={spec}"
    verbosity = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity_error()
    try:
        with telling(lambda reason: f"{spec}: the language model cannot be loaded ({reason}); {wanted}{hub}"):
            yield
    finally:
        transformers_logging.set_verbosity(verbosity)


def _check_tokenizer(loaded: LanguageModel) -> None:
    """See that the tokenizer is there and of this model: without its files, transformers makes one without a word."""
    spec, tokenizer = loaded.spec, loaded.tokenizer
    known = set(loaded.words(_PLAIN)) - {tokenizer.unk_token_id}
    if len(known) < 2 and _FEW * len(tokenizer) < loaded.vocab_size:
        raise ModelError(
            f"{spec}: has no tokenizer: its vocabulary has {len(tokenizer)} tokens and knows no word; put the "
            "tokenizer's files beside the weights (tokenizer.json, or vocab.json and merges.txt, or vocab.txt)"
        )
    if len(tokenizer) > loaded.vocab_size:
        raise ModelError(
            f"{spec}: its tokenizer knows {len(tokenizer)} tokens and its embedding table {loaded.vocab_size}; "
            "the two are not of one model"
        )
