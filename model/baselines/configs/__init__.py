"""The keys and presets of the systems that the paper compares with, a file each."""

from dgf.model.baselines.configs.kinds import BASELINES
from dgf.model.baselines.configs.mtb import MTBConfig

__all__ = ["BASELINES", "MTBConfig"]
