"""Finished shards as tensors, by row."""

from dgf.pipeline.features.batch import Features
from dgf.pipeline.features.store import FeatureStore

__all__ = ["FeatureStore", "Features"]
