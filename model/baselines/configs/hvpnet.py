"""The keys of HVPNeT: a BERT with a visual prefix in every layer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from dgf.model.baselines.configs.scripts import DEMO_OPTIM, HVPNET_OPTIM, PUBLIC_BERT, SMALL_BERT
from dgf.model.config import Flag, Reads, Whole

HVPNET_PRESETS: Mapping[str, Mapping[str, Any]] = {
    "paper": {
        "language_model": PUBLIC_BERT,
        "data": {"max_length": 80},
        "optim": HVPNET_OPTIM,
    },
    "demo": {
        "language_model": SMALL_BERT,
        "model": {"prefix_hidden": 128},
        "optim": DEMO_OPTIM,
    },
}
"""`paper` is the public script, but for its classifier, which stayed at its random start (`train_classifier`)."""


@dataclass(frozen=True)
class HVPNeTConfig:
    """Its size, and what of the public code is done as published.

    Args:
        name: `hvpnet`.
        prefix_hidden: Width between the two layers that turn pyramids into prefixes.
        slots: What a position of the prefix is: `as-published`, a quarter of the channels with all four cells of
            their 2x2 maps, which is what the public code's reinterpretation of memory makes; or `by-cell`, one cell of
            all channels.
        head_layout: Which attention heads read which picture: `as-published`, each picture has a quarter of them for
            itself, which is what the public code's reinterpretation of memory makes; or `transposed`, every head
            reads all pictures.
        train_classifier: Whether the classifier learns; in the public code it stays at its random start.
        seed: Seed of the new weights.
    """

    name: Literal["hvpnet"] = "hvpnet"
    prefix_hidden: Annotated[Whole, Field(ge=1)] = 800
    slots: Literal["as-published", "by-cell"] = "as-published"
    head_layout: Literal["as-published", "transposed"] = "as-published"
    train_classifier: Flag = True
    seed: Whole = 0
    protocol: ClassVar[None] = None
    reads: ClassVar[Reads] = Reads(image="pyramid", markers="open-ended")
