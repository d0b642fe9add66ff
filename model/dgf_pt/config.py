"""Every choice the network leaves open, each a key; the defaults are the paper's network."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from itertools import permutations
from typing import Any, Literal

from dgf.model.errors import ModelError

INPUTS = ("objects", "image", "text")
ORACLE = "oracle-types (leaks the label)"

Stage = Literal[1, 2, 3, "none"]

_CHOICES: dict[str, tuple[object, ...]] = {
    "plm": ("frozen", "lora", "full"),
    "object_prefix": (1, 2, 3, "none"),
    "entity_prefix": (1, 2, 3, "none"),
    "prefix_depth": ("deep", "input"),
    "input_order": tuple(permutations(INPUTS)),
    "image_features": ("blocks", "fc7"),
    "alpha": ("softmax", "literal"),
    "entity_types": ("predicted", "file", "none", "gold"),
    "type_restriction": ("soft", "off"),
}
_FLAGS = ("markers", "fusion", "joint_objective")
_SHARES = ("dropout", "lora_dropout")
_AT_LEAST: dict[str, float] = {
    "prefix_length": 0,
    "prefix_hidden": 1,
    "image_blocks": 1,
    "lora_rank": 1,
    "lora_alpha": 0,
    "delta": 0,
    "margin": 0,
    "consistency_weight": 0,
    "identification_weight": 0,
    "classification_weight": 0,
    "type_weight": 0,
}
_WHOLE = ("prefix_length", "prefix_hidden", "image_blocks", "lora_rank", "seed")


@dataclass(frozen=True)
class ModelConfig:
    """The network's keys; `docs/paper.md` names the equation, the alternatives and the line of each.

    Args:
        plm: What is trained of the language model: nothing (`frozen`, which prefix-tuning means), low-rank
            adapters (`lora`), or all of it (`full`).
        lora_rank: Rank of the adapters.
        lora_alpha: Their scale, over the rank.
        lora_dropout: Dropout before them.
        markers: Whether a trainable marker token opens and closes each mention.
        object_prefix: Stage that the object-oriented prefix opens, or "none" (4.1.2, Table 2).
        entity_prefix: Stage that the entity-oriented prefix opens, or "none" (4.1.2, Table 2).
        prefix_depth: `deep` gives the prefix tokens of every layer trainable vectors of their own; `input` only
            those of the first.
        prefix_length: Trainable tokens before the words of each prefix's pattern.
        prefix_hidden: Width of the reparametrisation behind deep prefixes.
        input_order: In which stage objects, image and text are fed (Table 4).
        image_features: `blocks`, VGG16's fifth block as M vectors, or `fc7`, one vector turned into M.
        image_blocks: M for `fc7`.
        alpha: Eq. 4 as a softmax over the objects, or the `literal` ratio of cosines.
        temperature: Where the learned temperatures of the two softmaxes over cosines start.
        fusion: Dual-gated fusion (eq. 4 to 8); without it the decoder reads the text as encoded.
        delta: Weight of the caption (eq. 8).
        dropout: Dropout of the new layers.
        entity_types: Where the decoder's entity types come from: its own prediction, a file, nowhere, or the
            label (`gold`, an oracle that leaks it).
        type_restriction: Whether the types' distribution restricts the relations.
        joint_objective: Whether the losses of eq. 10 and 12 are added to that of eq. 13.
        consistency_weight: lambda_d of eq. 14.
        identification_weight: lambda_s of eq. 14.
        classification_weight: lambda_c of eq. 14.
        type_weight: Weight of the type heads' loss.
        margin: Margin of the hinge (eq. 12).
        seed: Seed of the new weights.
    """

    plm: Literal["frozen", "lora", "full"] = "frozen"
    lora_rank: int = 8
    lora_alpha: float = 16.0
    lora_dropout: float = 0.0
    markers: bool = False
    object_prefix: Stage = 1
    entity_prefix: Stage = 1
    prefix_depth: Literal["deep", "input"] = "deep"
    prefix_length: int = 0
    prefix_hidden: int = 128
    input_order: tuple[str, str, str] = ("objects", "image", "text")
    image_features: Literal["blocks", "fc7"] = "blocks"
    image_blocks: int = 49
    alpha: Literal["softmax", "literal"] = "softmax"
    temperature: float = 0.1
    fusion: bool = True
    delta: float = 0.4
    dropout: float = 0.6
    entity_types: Literal["predicted", "file", "none", "gold"] = "predicted"
    type_restriction: Literal["soft", "off"] = "soft"
    joint_objective: bool = True
    consistency_weight: float = 2.0
    identification_weight: float = 2.0
    classification_weight: float = 3.0
    type_weight: float = 0.3
    margin: float = 0.2
    seed: int = 0

    def __post_init__(self) -> None:
        faults = _faults(self)
        if faults:
            raise ModelError("the configuration of the network cannot be used:\n  " + "\n  ".join(faults))

    @property
    def protocol(self) -> str | None:
        """What must stand beside every figure of this configuration: that gold types leak the label."""
        return ORACLE if self.entity_types == "gold" else None

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "ModelConfig":
        """From plain values, such as a YAML or JSON file has.

        Raises:
            ModelError: All unknown keys and all values that cannot be used, together.
        """
        known = {field.name for field in fields(cls)}
        unknown = sorted(set(values) - known)
        given: dict[str, Any] = {
            key: _order(value) if key == "input_order" else value for key, value in values.items() if key in known
        }
        try:
            config = cls(**given)
        except ModelError as error:
            if unknown:
                raise ModelError(f"{error}\n  " + "\n  ".join(map(_unknown, unknown))) from None
            raise
        if unknown:
            raise ModelError(
                "the configuration of the network cannot be used:\n  " + "\n  ".join(map(_unknown, unknown))
            )
        return config

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for YAML or JSON."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}


def _order(value: object) -> object:
    """A list, or one string with spaces or commas, as the tuple it means."""
    if isinstance(value, str):
        value = value.replace(",", " ").split()
    return tuple(value) if isinstance(value, list) else value


def _unknown(key: str) -> str:
    return f"{key}: there is no such key"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _faults(config: ModelConfig) -> list[str]:
    """Every fault, one line each, so that all can be mended at once."""
    faults = []
    for key, choices in _CHOICES.items():
        value = getattr(config, key)
        # True == 1 would pass as a stage
        if isinstance(value, bool) or value not in choices:
            shown = [" ".join(choice) if isinstance(choice, tuple) else str(choice) for choice in choices]
            faults.append(f"{key}: {value!r} is none of: {', '.join(shown)}")
    for key in _FLAGS:
        if not isinstance(getattr(config, key), bool):
            faults.append(f"{key}: {getattr(config, key)!r} is neither true nor false")
    for key in _SHARES:
        value = getattr(config, key)
        if not _is_number(value) or not 0 <= value < 1:
            faults.append(f"{key}: {value!r} is not a share from 0 to below 1")
    for key, least in _AT_LEAST.items():
        value = getattr(config, key)
        if not _is_number(value) or not value >= least:
            faults.append(f"{key}: {value!r} is not a number of at least {least}")
    if not _is_number(config.temperature) or not config.temperature > 0:
        faults.append(f"temperature: {config.temperature!r} is not a number above 0")
    for key in _WHOLE:
        value = getattr(config, key)
        if not isinstance(value, int) or isinstance(value, bool):
            faults.append(f"{key}: {value!r} is not a whole number")
    return faults
