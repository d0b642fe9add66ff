"""Photos' features as tensors by row, from finished shards or from memory, and what was found in each photo."""

from dgf.pipeline.features.index import networks_fingerprint
from dgf.pipeline.features.seen import SeenObjects, read_seen
from dgf.pipeline.features.store import Features, FeatureStore
from dgf.pipeline.features.table import FeatureTable

__all__ = ["FeatureStore", "FeatureTable", "Features", "SeenObjects", "networks_fingerprint", "parquet", "read_seen"]
