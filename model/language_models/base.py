"""The pre-trained language model under a network, and what a network must know of it."""

import inspect
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor
from transformers import PreTrainedConfig, PreTrainedModel
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_MASKED_LM_MAPPING_NAMES,
)

from dgf.model.errors import ModelError
from dgf.model.language_models.words import WordVectors

#: The words around the slots of both prefixes (4.1.2): "Consider <..>, predict relation."
PATTERN = {"consider": "Consider", "comma": ",", "predict": ", predict relation."}
#: One id for each word or stop where there is no tokenizer to ask; -1 is a vector that starts at random.
WORDLESS_PATTERN = {"consider": (-1,), "comma": (-1,), "predict": (-1, -1, -1, -1)}


@dataclass
class LanguageModel:
    """A transformers model without its head, or word vectors alone, and what the network must know of it.

    Args:
        model: Reads `inputs_embeds`, a four-dimensional mask and `position_ids`, unless it is word vectors.
        tokenizer: None for random weights without a folder.
        spec: As it was asked for.
        pattern: Token ids of the prefixes' words; -1 where a vector starts at random.
    """

    model: PreTrainedModel | WordVectors
    tokenizer: Any = None
    spec: str = ""
    pattern: dict[str, tuple[int, ...]] = field(default_factory=lambda: dict(WORDLESS_PATTERN))

    @property
    def transformer(self) -> PreTrainedModel:
        """The model, where it has layers; `build_model` refuses word vectors to whoever reads these."""
        if isinstance(self.model, WordVectors):
            raise ModelError(f"{self.spec}: word vectors have no layers, which this model reads")
        return self.model

    @property
    def kind(self) -> str:
        """The architecture's name in transformers (`gpt2`, `openai-gpt`, `bert`, `llama`, ...), or `words`."""
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


def takes(model: PreTrainedModel, argument: str) -> bool:
    """Say whether the model's forward names an argument."""
    return argument in inspect.signature(model.forward).parameters


def check_architecture(config: PreTrainedConfig, spec: str) -> None:
    """Refuse an architecture that is neither a causal language model nor BERT."""
    kind = config.model_type
    causal = kind in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES and kind not in MODEL_FOR_MASKED_LM_MAPPING_NAMES
    # openai-gpt and bert are causal and bidirectional by name, whatever the tables say
    if config.is_encoder_decoder or not (causal or kind in ("bert", "openai-gpt")):
        raise ModelError(f"{spec}: a {kind} model is neither a causal language model nor bert; give one of these")


def check_forward(model: PreTrainedModel, spec: str) -> None:
    """Refuse a model that cannot read vectors at given positions."""
    if missing := [name for name in ("inputs_embeds", "position_ids") if not takes(model, name)]:
        raise ModelError(f"{spec}: its forward takes no {' and no '.join(missing)}, which the stages need")
