"""The pre-trained language models under the networks: loaded, or the real architecture with random weights."""

from dgf.model.language_models.base import PATTERN, LanguageModel, takes
from dgf.model.language_models.dropout import drop
from dgf.model.language_models.layers import quicken_layers, store_in_bfloat16
from dgf.model.language_models.loading import load_language_model
from dgf.model.language_models.output_layer import load_output_layer, ties_output
from dgf.model.language_models.random_weights import build_language_model
from dgf.model.language_models.words import WORDS, WordVectors

__all__ = [
    "PATTERN",
    "WORDS",
    "LanguageModel",
    "WordVectors",
    "build_language_model",
    "drop",
    "load_language_model",
    "load_output_layer",
    "quicken_layers",
    "store_in_bfloat16",
    "takes",
    "ties_output",
]
