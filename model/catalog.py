"""The models there are: for each `model.name`, its configuration and its presets. Nothing heavy is imported."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dgf.model.baselines.configs import BASELINES, NAMED_WITHOUT
from dgf.model.config import RelationConfig, check_values
from dgf.model.dgf_pt.config import PRESETS, RECORDED_WITHOUT, ModelConfig

DEFAULT_MODEL = "dgf-pt"
"""Runs from before models had names are of this one."""


@dataclass(frozen=True, slots=True)
class ModelKind:
    """What is known of a model by its name.

    Args:
        config: The class of its configuration.
        presets: By name, what differs from the defaults of a whole training configuration: the sections that a YAML
            file of `dgf train --config` has. Each model has `paper`, what its authors published.
        recorded_without: What a configuration that an older version recorded means by the keys that it lacks, where
            that is not the default.
        named_without: Keys that came when folders of runs had been named by digests of all keys, each with the value
            that says what was so before: where it has this value a key is not part of the name.
    """

    config: type[RelationConfig]
    presets: Mapping[str, Mapping[str, Any]]
    recorded_without: Mapping[str, Any] = field(default_factory=dict)
    named_without: Mapping[str, Any] = field(default_factory=dict)


MODEL_KINDS: dict[str, ModelKind] = {
    DEFAULT_MODEL: ModelKind(ModelConfig, PRESETS, RECORDED_WITHOUT),
    **{
        name: ModelKind(config, presets, named_without=NAMED_WITHOUT.get(name, {}))
        for name, (config, presets) in BASELINES.items()
    },
}


def find_kind(values: object) -> ModelKind | None:
    """Return the model that the `name` among some keys chooses; None where there is none of that name."""
    name = values.get("name", DEFAULT_MODEL) if isinstance(values, Mapping) else DEFAULT_MODEL
    return MODEL_KINDS.get(name) if isinstance(name, str) else None


def check_model(
    values: Mapping[str, Any], section: str = "", *, recorded: bool = False
) -> tuple[RelationConfig | None, list[str]]:
    """Make the configuration of the model that `name` chooses, as `check_values` does.

    Args:
        values: Its keys.
        section: What stands before each key in a fault.
        recorded: Whether a run recorded them, every key that its version had, rather than somebody asked for them.
    """
    kind = find_kind(values)
    if kind is None:
        return None, [f"{section}name: {values['name']!r} is none of: {', '.join(MODEL_KINDS)}"]
    if recorded and isinstance(values, Mapping):
        values = {**kind.recorded_without, **values}
    return check_values(kind.config, values, section)
