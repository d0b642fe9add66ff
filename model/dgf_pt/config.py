"""Every choice the network leaves open, each a key; the defaults are the paper's network."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import permutations
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from dgf.model.config import EntityTypes, Flag, Markers, Number, Reads, Whole

INPUTS = ("objects", "image", "text")
ORACLE = "oracle-types (leaks the label)"


def _stage(value: object) -> object:
    """Refuse true and 1.0, which a literal 1 would take too."""
    if isinstance(value, bool | float):
        raise ValueError(f"{value!r} is none of: 1, 2, 3, none")
    return value


def _off(value: object) -> object:
    """Take false for the word off, which YAML 1.1 made of it."""
    return "off" if value is False else value


def _order(value: object) -> object:
    """Take a list, or one string with spaces or commas, for the order it means."""
    names = tuple(
        value.replace(",", " ").split() if isinstance(value, str) else value if isinstance(value, list | tuple) else ()
    )
    if names not in permutations(INPUTS):
        raise ValueError(f"{value!r} is none of: {', '.join(map(' '.join, permutations(INPUTS)))}")
    return names


Stage = Annotated[Literal[1, 2, 3, "none"], BeforeValidator(_stage)]
Order = Annotated[tuple[str, str, str], BeforeValidator(_order)]
Share = Annotated[Number, Field(ge=0, lt=1)]
Weight = Annotated[Number, Field(ge=0)]
Count = Annotated[Whole, Field(ge=1)]


@dataclass(frozen=True)
class ModelConfig:
    """The network's keys; `docs/paper.md` names the equation, the alternatives and the line of each.

    Args:
        name: `dgf-pt`, the name of this network among the models.
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
        states: `normalized` brings the language model's last states to one scale before anything reads them, so that
            gates mean the same in every language model, and centers those of eq. 12; `raw` leaves them as they are.
        fusion: Dual-gated fusion (eq. 4 to 8); without it the decoder reads the text as encoded.
        delta: Weight of the caption (eq. 8).
        dropout: Dropout of the new layers.
        photo_dropout: Share of the rows that a training step reads without their photo and caption.
        entity_types: Where the decoder's entity types come from: its own prediction, a file, nowhere, or the
            label (`gold`, an oracle that leaks it).
        types_from: What the type heads read of an entity beside its state: the `decoder`'s state at the entity, or the
            sentence's (`text`), so that the decoder reads its positions in one pass.
        type_restriction: Whether the types' distribution restricts the relations.
        joint_objective: Whether the losses of eq. 10 and 12 are added to that of eq. 13.
        consistency_weight: lambda_d of eq. 14.
        identification_weight: lambda_s of eq. 14.
        classification_weight: lambda_c of eq. 14.
        type_weight: Weight of the type heads' loss.
        margin: Margin of the hinge (eq. 12).
        seed: Seed of the new weights.
    """

    name: Literal["dgf-pt"] = "dgf-pt"
    plm: Literal["frozen", "lora", "full"] = "frozen"
    lora_rank: Count = 8
    lora_alpha: Weight = 16.0
    lora_dropout: Share = 0.0
    markers: Flag = False
    object_prefix: Stage = 1
    entity_prefix: Stage = 1
    prefix_depth: Literal["deep", "input"] = "deep"
    prefix_length: Annotated[Whole, Field(ge=0)] = 0
    prefix_hidden: Count = 128
    input_order: Order = ("objects", "image", "text")
    image_features: Literal["blocks", "fc7"] = "blocks"
    image_blocks: Count = 49
    alpha: Literal["softmax", "literal"] = "softmax"
    temperature: Annotated[Number, Field(gt=0)] = 0.1
    states: Literal["normalized", "raw"] = "normalized"
    fusion: Flag = True
    delta: Weight = 0.4
    dropout: Share = 0.6
    photo_dropout: Share = 0.0
    entity_types: EntityTypes = "predicted"
    types_from: Literal["decoder", "text"] = "decoder"
    type_restriction: Annotated[Literal["soft", "off"], BeforeValidator(_off)] = "soft"
    joint_objective: Flag = True
    consistency_weight: Weight = 2.0
    identification_weight: Weight = 2.0
    classification_weight: Weight = 3.0
    type_weight: Weight = 0.3
    margin: Weight = 0.2
    seed: Whole = 0

    @property
    def protocol(self) -> str | None:
        """What must stand beside every figure of this configuration: that gold types leak the label."""
        return ORACLE if self.entity_types == "gold" else None

    @property
    def reads(self) -> Reads:
        """Everything of a post; its caption only for fusion (eq. 8)."""
        markers: Markers = "nested" if self.markers else "none"
        return Reads(True, self.image_features, self.fusion, markers, self.entity_types, boxes=True)


#: What a configuration means by a key that it was recorded without, since its version had no such key.
RECORDED_WITHOUT: Mapping[str, Any] = {"states": "raw"}

#: `paper` is section 4 and Table 3, which are the defaults; `finetune` trains the language model itself, for text;
#: `demo` is small and quick.
PRESETS: Mapping[str, Mapping[str, Any]] = {
    "paper": {},
    "finetune": {
        "model": {"plm": "full", "prefix_depth": "input", "markers": True, "dropout": 0.1, "type_weight": 0.9},
        "optim": {
            "epochs": 3,
            "batch_size": 32,
            "learning_rate": 1e-4,
            "lm_learning_rate": 1e-4,
            "adversarial": 0.5,
        },
    },
    "demo": {
        "language_model": "random:gpt2?n_layer=2&n_embd=128&n_head=4",
        "model": {
            "prefix_hidden": 32,
            "dropout": 0.3,
            "photo_dropout": 0.3,
            "plm": "full",
            "markers": True,
            "type_weight": 0.9,
        },
        "optim": {"epochs": 3, "batch_size": 8, "learning_rate": 1e-3, "lm_learning_rate": 5e-4},
    },
}
