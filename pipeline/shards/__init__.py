"""A folder of shards: its plan, its schema, and how a shard becomes final."""

from dgf.pipeline.shards.claim import MANIFEST, recorded_threads
from dgf.pipeline.shards.folder import MADE_BY, ShardFolder, ShardKind
from dgf.pipeline.shards.marker import Failure, Marker, ShardStats, fingerprint_of, shard_name, sum_seconds
from dgf.pipeline.shards.plan import GRID, Photo, Plan, PlannedShard, make_plan
from dgf.pipeline.shards.schema import (
    BLOCKS,
    BOX_FEATURES,
    FC7,
    SCHEMA,
    Layout,
    check_schema,
    read_layout,
    read_text,
    to_float16,
    write_captions,
    write_features,
)

__all__ = [
    "BLOCKS",
    "BOX_FEATURES",
    "FC7",
    "GRID",
    "MADE_BY",
    "MANIFEST",
    "SCHEMA",
    "Failure",
    "Layout",
    "Marker",
    "Photo",
    "Plan",
    "PlannedShard",
    "ShardFolder",
    "ShardKind",
    "ShardStats",
    "check_schema",
    "fingerprint_of",
    "make_plan",
    "read_layout",
    "read_text",
    "recorded_threads",
    "shard_name",
    "sum_seconds",
    "to_float16",
    "write_captions",
    "write_features",
]
