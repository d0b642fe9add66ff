"""Finished shards as tensors, by row."""

from dgf.pipeline.features.store import Features, FeatureStore

__all__ = ["FeatureStore", "Features"]
