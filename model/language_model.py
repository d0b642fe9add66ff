"""The pre-trained language model under the network: from a folder, a GGUF file, a hub, or random."""

import contextlib
import inspect
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, AutoTokenizer, PreTrainedConfig, PreTrainedModel
from transformers.activations import NewGELUActivation
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_MASKED_LM_MAPPING_NAMES,
)
from transformers.pytorch_utils import Conv1D
from transformers.utils import logging as transformers_logging

from dgf.model.errors import ModelError, telling

_RANDOM = "random:"
_PLAIN = "The people of a city met at the museum in the year 2012, and it was good."
"""Words of which every tokenizer of a language like this one knows some."""

_FEW = 4
"""A vocabulary this many times smaller than the embedding table is not the model's."""

#: The words around the slots of both prefixes (4.1.2): "Consider <..>, predict relation."
PATTERN = {"consider": "Consider", "comma": ",", "predict": ", predict relation."}
#: One id for each word or stop where there is no tokenizer to ask; -1 is a vector that starts at random.
_WORDLESS = {"consider": (-1,), "comma": (-1,), "predict": (-1, -1, -1, -1)}

#: The shape of SmolLM2-135M.
_LLAMA = {
    "vocab_size": 49152,
    "hidden_size": 576,
    "intermediate_size": 1536,
    "num_hidden_layers": 30,
    "num_attention_heads": 9,
    "num_key_value_heads": 3,
    "max_position_embeddings": 8192,
}
_RANDOM_NAMES = {"gpt2": "gpt2", "openai-gpt": "openai-gpt", "bert-base-uncased": "bert", "llama": "llama"}


@dataclass
class LanguageModel:
    """A transformers model without its head, and what the network must know of it.

    Args:
        model: Reads `inputs_embeds`, a four-dimensional mask and `position_ids`.
        tokenizer: None for random weights without a folder.
        spec: As it was asked for.
        pattern: Token ids of the prefixes' words; -1 where a vector starts at random.
    """

    model: PreTrainedModel
    tokenizer: Any = None
    spec: str = ""
    pattern: dict[str, tuple[int, ...]] = field(default_factory=lambda: dict(_WORDLESS))

    @property
    def kind(self) -> str:
        """The architecture's name in transformers: `gpt2`, `openai-gpt`, `bert`, `llama`, ..."""
        return str(self.model.config.model_type)

    @property
    def width(self) -> int:
        """N, the width of its hidden states."""
        return int(self.model.config.hidden_size)

    @property
    def vocab_size(self) -> int:
        """Rows of its embedding table; the marker tokens' ids begin here."""
        return int(self.model.config.vocab_size)

    @property
    def embeddings(self) -> Tensor:
        """(V, N) the static word embeddings."""
        weight = self.model.get_input_embeddings().weight
        assert isinstance(weight, Tensor)
        return weight

    def words(self, text: str) -> list[int]:
        """Return the token ids of some words, without special tokens; empty where there is no tokenizer."""
        if self.tokenizer is None:
            return []
        return [int(token) for token in self.tokenizer(text, add_special_tokens=False)["input_ids"]]


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
    if spec.startswith(_RANDOM):
        return LanguageModel(build_language_model(_random_config(spec), seed), spec=spec)
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
    with _loading(spec):
        config = AutoConfig.from_pretrained(name, **where)
        _check_kind(config, spec)
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
    _check_forward(model, spec)
    with _loading(spec):
        loaded = LanguageModel(model.eval(), tokenizer, spec)
        _check_tokenizer(loaded)
        loaded.pattern = {key: tuple(loaded.words(text)) or _WORDLESS[key] for key, text in PATTERN.items()}
    return loaded


@contextlib.contextmanager
def _loading(spec: str) -> Iterator[None]:
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


def build_language_model(config: PreTrainedConfig, seed: int) -> PreTrainedModel:
    """Build the architecture of a configuration with seeded random weights; the caller's generator is left alone."""
    _check_kind(config, str(config.model_type))
    bare = {"add_pooling_layer": False} if config.model_type == "bert" else {}
    # Such as a width that no number of heads divides.
    what = f"a {config.model_type} model of these sizes cannot be built"
    with torch.random.fork_rng(devices=[]), telling(lambda reason: f"{what} ({reason}); change the sizes"):
        torch.manual_seed(seed)
        model = AutoModel.from_config(config, **bare)
    _check_forward(model, str(config.model_type))
    ready: PreTrainedModel = model.float().eval()
    return ready


def fuse_activations(model: PreTrainedModel) -> None:
    """Compute GPT-2's activation in one operation; transformers' takes eight, and keeps what is between them."""
    for module in model.modules():
        for name, part in module.named_children():
            if type(part) is NewGELUActivation:
                setattr(module, name, nn.GELU(approximate="tanh"))


def store_in_bfloat16(model: nn.Module) -> int:
    """Store the matrices that do not learn in bfloat16, in place; return how many.

    Only those that autocast would cast at every use are stored so, which leaves every result what it is under autocast:
    embeddings, norms and whatever learns stay in float32.
    """
    count = 0
    for module in model.modules():
        frozen = not any(parameter.requires_grad for parameter in module.parameters(recurse=False))
        if isinstance(module, nn.Linear | Conv1D) and frozen and module.weight.dtype == torch.float32:
            module.to(torch.bfloat16)
            count += 1
    return count


def takes(model: PreTrainedModel, argument: str) -> bool:
    """Say whether the model's forward names an argument."""
    return argument in inspect.signature(model.forward).parameters


def _random_config(spec: str) -> PreTrainedConfig:
    name, _, query = spec.removeprefix(_RANDOM).partition("?")
    kind, sizes = _RANDOM_NAMES.get(name, name), _LLAMA if name == "llama" else {}
    try:
        config = AutoConfig.for_model(kind, **sizes)
    except ValueError:
        known = ", ".join(_RANDOM_NAMES)
        raise ModelError(f"{spec}: {name!r} is no architecture of transformers; try one of: {known}") from None
    changes: dict[str, Any] = {}
    for key, text in parse_qsl(query, keep_blank_values=True):
        if not hasattr(config, key):
            raise ModelError(f"{spec}: {kind} has no size called {key!r}")
        try:
            changes[key] = float(text) if "." in text else int(text)
        except ValueError:
            raise ModelError(f"{spec}: {key} must be a number, not {text!r}") from None
    with telling(lambda reason: f"{spec}: a {kind} model cannot have these sizes ({reason})"):
        return AutoConfig.for_model(kind, **{**sizes, **changes})


def _check_kind(config: PreTrainedConfig, spec: str) -> None:
    kind = config.model_type
    causal = kind in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES and kind not in MODEL_FOR_MASKED_LM_MAPPING_NAMES
    # openai-gpt and bert are causal and bidirectional by name, whatever the tables say
    if config.is_encoder_decoder or not (causal or kind in ("bert", "openai-gpt")):
        raise ModelError(f"{spec}: a {kind} model is neither a causal language model nor bert; give one of these")


def _check_forward(model: PreTrainedModel, spec: str) -> None:
    if missing := [name for name in ("inputs_embeds", "position_ids") if not takes(model, name)]:
        raise ModelError(f"{spec}: its forward takes no {' and no '.join(missing)}, which the stages need")
