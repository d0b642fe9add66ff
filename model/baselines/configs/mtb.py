"""The keys of MTB as MNRE's tables have it: a BERT that is read at the opening markers of head and tail."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from dgf.model.baselines.configs.scripts import DEMO_OPTIM, MEGA_OPTIM, PUBLIC_BERT, SMALL_BERT
from dgf.model.config import Number, Reads, Whole

MTB_PRESETS: Mapping[str, Mapping[str, Any]] = {
    "paper": {
        "language_model": PUBLIC_BERT,
        "optim": {**MEGA_OPTIM, "epochs": 3, "batch_size": 64},
    },
    "demo": {
        "language_model": SMALL_BERT,
        "model": {"dropout": 0.1},
        "optim": {**DEMO_OPTIM, "epochs": 6},
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
