"""The keys of MTB as MNRE's tables have it: a BERT that is read at the opening markers of head and tail."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from dgf.model.config import Number, Reads, Whole

MTB_PRESETS: Mapping[str, Mapping[str, Any]] = {
    "paper": {
        "language_model": "bert-base-uncased",
        "optim": {
            "epochs": 3,
            "batch_size": 64,
            "learning_rate": 2e-5,
            "lm_learning_rate": 2e-5,
            "weight_decay": 0.01,
            "warmup_steps": 300,
            "clip_norm": None,
        },
    },
    "demo": {
        "language_model": "random:bert?num_hidden_layers=2&hidden_size=128&num_attention_heads=4&intermediate_size=512",
        "model": {"dropout": 0.1},
        "optim": {"epochs": 3, "batch_size": 16, "learning_rate": 1e-3, "lm_learning_rate": 5e-4},
    },
}
"""`paper` is the public script of the tool that MNRE's tables were made with."""


@dataclass(frozen=True)
class MTBConfig:
    """What is left open, each a key.

    Args:
        name: `mtb`.
        dropout: Before the classifier.
        seed: Seed of the new weights.
    """

    name: Literal["mtb"] = "mtb"
    dropout: Annotated[Number, Field(ge=0, lt=1)] = 0.5
    seed: Whole = 0
    protocol: ClassVar[None] = None
    reads: ClassVar[Reads] = Reads(markers="doubled")
