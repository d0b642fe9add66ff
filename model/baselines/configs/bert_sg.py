"""The keys of BERT+SG and BERT+SG+Att: an entity-start BERT beside the objects of the photo.

No code of theirs is public, and what their papers say fixes neither where the objects enter nor with which sizes: both
are a reading of ours (`dgf.model.baselines.bert_sg` has the equations), never "as published".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from dgf.model.baselines.configs.scripts import DEMO_OPTIM, MEGA_OPTIM, PUBLIC_BERT, SMALL_BERT
from dgf.model.config import Number, Reads, Whole

BERT_SG_PRESETS: Mapping[str, Mapping[str, Any]] = {
    "paper": {
        "language_model": PUBLIC_BERT,
        "optim": MEGA_OPTIM,
    },
    "demo": {
        "language_model": SMALL_BERT,
        "model": {"dropout": 0.1},
        "optim": DEMO_OPTIM,
    },
}
"""Of both. Nobody published how they were trained: `paper` is the script of MEGA, of whose paper their rows are."""


@dataclass(frozen=True)
class BertSGConfig:
    """What is left open, each a key.

    Args:
        name: `bert-sg`.
        dropout: Before the classifier.
        seed: Seed of the new weights.
    """

    name: Literal["bert-sg"] = "bert-sg"
    dropout: Annotated[Number, Field(ge=0, lt=1)] = 0.5
    seed: Whole = 0
    protocol: ClassVar[None] = None
    reads: ClassVar[Reads] = Reads(objects=True, markers="doubled")


@dataclass(frozen=True)
class BertSGAttConfig:
    """What is left open, each a key.

    Args:
        name: `bert-sg-att`.
        dropout: Before the classifier.
        seed: Seed of the new weights.
    """

    name: Literal["bert-sg-att"] = "bert-sg-att"
    dropout: Annotated[Number, Field(ge=0, lt=1)] = 0.5
    seed: Whole = 0
    protocol: ClassVar[None] = None
    reads: ClassVar[Reads] = Reads(objects=True, markers="doubled")
