"""Finished shards: as tensors by row, and what was found in each photo."""

from dgf.pipeline.features.seen import SeenObjects, read_seen
from dgf.pipeline.features.store import Features, FeatureStore

__all__ = ["FeatureStore", "Features", "SeenObjects", "read_seen"]
