"""The marker that vouches for one finished shard: what it was made with, its file, its rows and its failures."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dgf.pipeline.errors import UserError


@dataclass(frozen=True, slots=True)
class Failure:
    """A photo that has no row, and why."""

    image_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class ShardStats:
    """What a marker tells about its shard apart from the file: rows, failures, and seconds per stage."""

    rows: int
    failures: tuple[Failure, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Marker:
    """The vouching for one finished shard: its file's name, size and SHA-256 (hexadecimal), what it was made with."""

    index: int
    fingerprint: str
    file: str
    bytes: int
    sha256: str
    stats: ShardStats


def shard_name(index: int) -> str:
    """Name without suffix: `shard-00042`."""
    return f"shard-{index:05d}"


def fingerprint_of(settings: Mapping[str, Any]) -> str:
    """SHA-256 of the settings' canonical JSON: equal settings, equal fingerprint, whatever the order of the keys."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def read_marker(path: Path) -> Marker:
    """Parse a marker file.

    Raises:
        UserError: It is not a marker.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        stats = content.pop("stats")
        failures = tuple(Failure(**failure) for failure in stats["failures"])
        return Marker(**content, stats=ShardStats(stats["rows"], failures, stats["seconds"]))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        hint = "Delete it and run the same command again."
        raise UserError(f"{path} is not a shard's marker: {error}", hint) from error


def sum_seconds(markers: Iterable[Marker]) -> dict[str, float]:
    """Seconds of work by stage, over shards."""
    done = [marker.stats.seconds for marker in markers]
    stages = sorted({stage for seconds in done for stage in seconds})
    return {stage: sum(seconds.get(stage, 0.0) for seconds in done) for stage in stages}
