"""The output layer of a causal language model, from its last states to words, for models that ask for likelihoods."""

from collections.abc import Collection
from typing import Any

import torch
from torch import Tensor
from transformers import AutoModelForCausalLM

from dgf.model.errors import ModelError
from dgf.model.language_models.base import LanguageModel
from dgf.model.language_models.loading import locate, telling_of
from dgf.model.language_models.random_weights import RANDOM

_CHANGED_BY = ("final_logit_softcapping", "logit_scale", "logits_scaling", "logits_scale")
"""Of architectures whose logits are more than a product of states and weights."""


def ties_output(language_model: LanguageModel) -> bool:
    """Say whether a causal language model's output layer is its embedding table.

    Raises:
        ModelError: It is not a causal one, or its output is more than one product.
    """
    config, spec = language_model.transformer.config, language_model.spec
    if language_model.kind == "bert":
        raise ModelError(f"{spec}: a bert model reads in both directions and says no likelihood; give a causal one")
    if changed := [name for name in _CHANGED_BY if getattr(config, name, None) not in (None, 1, 1.0)]:
        raise ModelError(f"{spec}: a {language_model.kind} model changes its logits by {changed[0]}; give another one")
    return bool(config.tie_word_embeddings)


def load_output_layer(language_model: LanguageModel, seed: int = 0) -> Tensor:
    """Load the (V, N) weights of an output layer that is not tied, from where the language model came.

    Args:
        language_model: As `load_language_model` loaded it.
        seed: Of random weights.

    Raises:
        ModelError: They cannot be loaded, or have a bias.
    """
    spec = language_model.spec
    with telling_of(spec), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        missing: Collection[str] = ()
        if spec.startswith(RANDOM):
            model: Any = AutoModelForCausalLM.from_config(language_model.transformer.config)
        else:
            name, where = locate(spec, fetch=False)
            found: Any = AutoModelForCausalLM.from_pretrained(
                name, dtype=torch.float32, output_loading_info=True, **where
            )
            model, missing = found[0], found[1]["missing_keys"]
    layer = model.get_output_embeddings()
    if missing or layer is None or getattr(layer, "bias", None) is not None:
        raise ModelError(f"{spec}: its output layer is not there, or is more than one product; give another model")
    weight: Tensor = layer.weight.detach().float()
    return weight
