"""The models there are: for each `model.name`, its configuration and its presets. Nothing heavy is imported."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dgf.model.config import RelationConfig, check_values
from dgf.model.dgf_pt.config import BEFORE, MODEL_PRESETS, ModelConfig

DEFAULT_MODEL = "dgf-pt"
"""Runs from before models had names are of this one."""


@dataclass(frozen=True, slots=True)
class ModelKind:
    """What is known of a model without building it.

    Args:
        config: The class of its configuration.
        presets: Keys that differ from the defaults, by preset of training.
        before: What the configuration of a run from before a key was there means by not having it.
    """

    config: type[RelationConfig]
    presets: Mapping[str, Mapping[str, Any]]
    before: Mapping[str, Any]


MODEL_KINDS: dict[str, ModelKind] = {DEFAULT_MODEL: ModelKind(ModelConfig, MODEL_PRESETS, BEFORE)}


def find_kind(values: object) -> ModelKind | None:
    """Return the model that the `name` among some keys chooses; None where there is none of that name."""
    name = values.get("name", DEFAULT_MODEL) if isinstance(values, Mapping) else DEFAULT_MODEL
    return MODEL_KINDS.get(name) if isinstance(name, str) else None


def check_model(
    values: Mapping[str, Any], section: str = "", *, recorded: bool = False
) -> tuple[RelationConfig | None, list[str]]:
    """Make the configuration of the model that `name` chooses, as `check_values` does.

    In a `recorded` one, that of a run, keys that it lacks mean what the version without them did.
    """
    kind = find_kind(values)
    if kind is None:
        return None, [f"{section}name: {values['name']!r} is none of: {', '.join(MODEL_KINDS)}"]
    return check_values(kind.config, {**kind.before, **values} if recorded else values, section)
