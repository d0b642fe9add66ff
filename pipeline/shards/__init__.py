"""A folder of shards: its plan, its schema, and how a shard becomes final."""

from dgf.pipeline.shards.claim import MANIFEST, PLAN, SETTINGS, recorded_threads
from dgf.pipeline.shards.folder import ShardFolder
from dgf.pipeline.shards.marker import (
    MADE_BY,
    Failure,
    Marker,
    ShardKind,
    ShardStats,
    fingerprint_of,
    shard_name,
    sum_seconds,
)
from dgf.pipeline.shards.mirrored import ShardMirror, bring_shards, records_of
from dgf.pipeline.shards.plan import Photo, Plan, PlannedShard
from dgf.pipeline.shards.planning import GRID, make_plan
from dgf.pipeline.shards.retry import clear_retried, find_failed, standing_failures
from dgf.pipeline.shards.schema import (
    BLOCKS,
    BOX_FEATURES,
    FC7,
    PYRAMID,
    SCHEMA,
    Layout,
    check_schema,
    read_layout,
    read_rows,
    read_text,
    read_versions,
    reading,
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
    "PLAN",
    "PYRAMID",
    "SCHEMA",
    "SETTINGS",
    "Failure",
    "Layout",
    "Marker",
    "Photo",
    "Plan",
    "PlannedShard",
    "ShardFolder",
    "ShardKind",
    "ShardMirror",
    "ShardStats",
    "bring_shards",
    "check_schema",
    "clear_retried",
    "find_failed",
    "fingerprint_of",
    "make_plan",
    "read_layout",
    "read_rows",
    "read_text",
    "read_versions",
    "reading",
    "recorded_threads",
    "records_of",
    "shard_name",
    "standing_failures",
    "sum_seconds",
    "to_float16",
    "write_captions",
    "write_features",
]
