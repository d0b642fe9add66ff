"""Real architectures with seeded random weights: `random:gpt2?n_layer=2` and the like."""

from typing import Any
from urllib.parse import parse_qsl

import torch
from transformers import AutoConfig, AutoModel, PreTrainedConfig, PreTrainedModel

from dgf.model.errors import ModelError, telling
from dgf.model.language_models.base import check_architecture, check_forward

RANDOM = "random:"

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


def read_random(spec: str) -> PreTrainedConfig:
    """Read the architecture and the sizes that `random:NAME?key=value&...` asks for."""
    name, _, query = spec.removeprefix(RANDOM).partition("?")
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


def build_language_model(config: PreTrainedConfig, seed: int) -> PreTrainedModel:
    """Build the architecture of a configuration with seeded random weights; the caller's generator is left alone."""
    check_architecture(config, str(config.model_type))
    bare = {"add_pooling_layer": False} if config.model_type == "bert" else {}
    # Such as a width that no number of heads divides.
    what = f"a {config.model_type} model of these sizes cannot be built"
    with torch.random.fork_rng(devices=[]), telling(lambda reason: f"{what} ({reason}); change the sizes"):
        torch.manual_seed(seed)
        model = AutoModel.from_config(config, **bare)
    check_forward(model, str(config.model_type))
    ready: PreTrainedModel = model.float().eval()
    return ready
