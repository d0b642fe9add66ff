"""The pre-trained language models under the networks: loaded, or the real architecture with random weights."""

from dgf.model.language_models.base import PATTERN, LanguageModel, takes
from dgf.model.language_models.layers import fuse_activations, store_in_bfloat16
from dgf.model.language_models.loading import load_language_model
from dgf.model.language_models.random_weights import build_language_model

__all__ = [
    "PATTERN",
    "LanguageModel",
    "build_language_model",
    "fuse_activations",
    "load_language_model",
    "store_in_bfloat16",
    "takes",
]
