"""All of them, by their names."""

from collections.abc import Mapping
from typing import Any

from dgf.model.baselines.configs.mtb import MTB_PRESETS, MTBConfig

BASELINES: Mapping[str, tuple[type, Mapping[str, Mapping[str, Any]]]] = {"mtb": (MTBConfig, MTB_PRESETS)}
"""Configuration and presets of each, by `model.name`."""
