"""The keys of VisualBERT: a BERT that reads objects as further positions of the sentence."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from dgf.model.config import Number, Reads, Whole

VISUALBERT_PRESETS: Mapping[str, Mapping[str, Any]] = {
    "paper": {
        "language_model": "bert-base-uncased",
        "optim": {
            "epochs": 15,
            "batch_size": 16,
            "learning_rate": 3e-5,
            "lm_learning_rate": 3e-5,
            "decay": "all",
            "warmup": 0.06,
            "clip_norm": None,
        },
    },
    "demo": {
        "language_model": "random:bert?num_hidden_layers=2&hidden_size=128&num_attention_heads=4&intermediate_size=512",
        "optim": {"epochs": 3, "batch_size": 16, "learning_rate": 1e-3, "lm_learning_rate": 5e-4},
    },
}
"""Nothing was published of how it learned these relations: `paper` has the script of HVPNeT, whose table it is in."""


@dataclass(frozen=True)
class VisualBERTConfig:
    """What is left open, each a key.

    Args:
        name: `visualbert`.
        dropout: Before the classifier.
        seed: Seed of the new weights.
    """

    name: Literal["visualbert"] = "visualbert"
    dropout: Annotated[Number, Field(ge=0, lt=1)] = 0.1
    seed: Whole = 0
    protocol: ClassVar[None] = None
    reads: ClassVar[Reads] = Reads(objects=True, markers="doubled")
