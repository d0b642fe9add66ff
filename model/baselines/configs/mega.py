"""The keys of MEGA: an entity-start BERT beside objects that are aligned with the words by meaning and by structure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from dgf.model.baselines.configs.scripts import DEMO_OPTIM, MEGA_OPTIM, PUBLIC_BERT, SMALL_BERT
from dgf.model.config import Flag, Number, Reads, Whole

MEGA_PRESETS: Mapping[str, Mapping[str, Any]] = {
    "paper": {
        "language_model": PUBLIC_BERT,
        "optim": MEGA_OPTIM,
    },
    "demo": {
        "language_model": SMALL_BERT,
        "data": {"max_length": 64},
        "model": {"dropout": 0.1, "places": 64},
        "optim": DEMO_OPTIM,
    },
}
"""`paper` is the public script."""


@dataclass(frozen=True)
class MegaConfig:
    """What is left open, each a key.

    Args:
        name: `mega`.
        alignment: How the structural weights of tokens and objects, (places, objects), become those of objects and
            tokens. `transposed` is what they mean. The public code views the same memory in the other shape
            (`as-published`), by which each weight comes to stand for another token and another object. `none` leaves
            them out.
        mask_padding: Whether objects look at the sentence alone. The public code lets them look at the padding too, of
            which most of its 128 places are.
        places: Tokens that every sentence is padded to, inside the model: where padding is looked at, its amount
            must not depend on the other rows of a batch.
        objects: Of a photo that are read, zeros where there are fewer.
        dropout: Before the classifier.
        seed: Seed of the new weights.
    """

    name: Literal["mega"] = "mega"
    alignment: Literal["transposed", "as-published", "none"] = "transposed"
    mask_padding: Flag = False
    places: Annotated[Whole, Field(ge=8, le=1024)] = 128
    objects: Annotated[Whole, Field(ge=1, le=100)] = 10
    dropout: Annotated[Number, Field(ge=0, lt=1)] = 0.5
    seed: Whole = 0
    protocol: ClassVar[None] = None

    @property
    def reads(self) -> Reads:
        """Objects, and how they are aligned with the words."""
        alignment = None if self.alignment == "none" else self.alignment
        return Reads(objects=True, markers="doubled", alignment=alignment)
