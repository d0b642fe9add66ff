"""The models there are: for each `model.name`, its configuration and its presets. Nothing heavy is imported."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dgf.model.config import RelationConfig, check_values
from dgf.model.dgf_pt.config import MODEL_PRESETS, ModelConfig

DEFAULT_MODEL = "dgf-pt"
"""Runs from before models had names are of this one."""


@dataclass(frozen=True, slots=True)
class ModelKind:
    """The class of a model's configuration, and the keys that differ from the defaults by preset of training."""

    config: type[RelationConfig]
    presets: Mapping[str, Mapping[str, Any]]


MODEL_KINDS: dict[str, ModelKind] = {DEFAULT_MODEL: ModelKind(ModelConfig, MODEL_PRESETS)}


def find_kind(values: object) -> ModelKind | None:
    """Return the model that the `name` among some keys chooses; None where there is none of that name."""
    name = values.get("name", DEFAULT_MODEL) if isinstance(values, Mapping) else DEFAULT_MODEL
    return MODEL_KINDS.get(name) if isinstance(name, str) else None


def check_model(values: Mapping[str, Any], section: str = "") -> tuple[RelationConfig | None, list[str]]:
    """Make the configuration of the model that `name` chooses, as `check_values` does."""
    kind = find_kind(values)
    if kind is None:
        return None, [f"{section}name: {values['name']!r} is none of: {', '.join(MODEL_KINDS)}"]
    return check_values(kind.config, values, section)
