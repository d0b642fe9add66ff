"""The keys of VisualBERT: a BERT that reads objects as further positions of the sentence."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from dgf.model.baselines.configs.scripts import DEMO_OPTIM, HVPNET_OPTIM, PUBLIC_BERT, SMALL_BERT
from dgf.model.config import Number, Reads, Whole

VISUALBERT_PRESETS: Mapping[str, Mapping[str, Any]] = {
    "paper": {
        "language_model": PUBLIC_BERT,
        "optim": HVPNET_OPTIM,
    },
    "demo": {
        "language_model": SMALL_BERT,
        "optim": DEMO_OPTIM,
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
