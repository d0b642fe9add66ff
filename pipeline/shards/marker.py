"""The marker that vouches for one finished shard: what it was made with, its file, its rows and its failures."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from dgf.pipeline.errors import UserError
from dgf.pipeline.files import canonical_digest, read_record

ShardKind = Literal["features", "captions"]
MADE_BY: Mapping[str, str] = {"features": "dgf extract-features", "captions": "dgf caption"}
"""What makes a folder of each kind."""

_SHARD_FILE = re.compile(r"shard-\d{5,}\.(json|h5)")


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
    return canonical_digest(settings)


def damaged_file(path: Path, kind: str, fault: str) -> UserError:
    """The error that says what is wrong with a file, and that the command of its `kind` makes that file again."""
    return UserError(f"{path}: {fault}", same_again(kind))


def same_again(kind: str) -> str:
    """What helps where a file of a folder of `kind` is damaged or gone."""
    command = MADE_BY.get(kind, "dgf extract-features")
    return f"Run the same `{command}` again, without --overwrite: it makes what is damaged again, and nothing else."


def read_marker(path: Path) -> Marker:
    """Parse a marker file.

    Raises:
        UserError: It is not a marker.
    """
    try:
        content = read_record(path)
        stats = content.pop("stats")
        failures = tuple(Failure(**failure) for failure in stats["failures"])
        marker = Marker(**content, stats=ShardStats(stats["rows"], failures, stats["seconds"]))
        _check_values(marker)
        return marker
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        hint = "Run the same command again: it makes the marker's shard again."
        raise UserError(f"{path} is not a shard's marker: {error}", hint) from error


def _check_values(marker: Marker) -> None:
    """Raise ValueError where a marker says what none can: a marker of an older version has no checksum."""
    stats = marker.stats
    numbers = (marker.index, marker.bytes, stats.rows)
    texts = (
        marker.fingerprint,
        marker.sha256,
        *(text for gap in stats.failures for text in (gap.image_id, gap.reason)),
    )
    if not all(type(number) is int and number >= 0 for number in numbers):
        raise ValueError("index, bytes and rows must be whole numbers")
    if not all(isinstance(text, str) for text in texts):
        raise ValueError("fingerprint, sha256 and failures must be text")
    if marker.file != f"{shard_name(marker.index)}.h5":
        raise ValueError(f"it is of {marker.file!r}")
    if not all(type(seconds) in (int, float) for seconds in stats.seconds.values()):
        raise ValueError("seconds must be numbers")


def read_markers(folder: Path) -> tuple[list[Marker], list[tuple[str, str]]]:
    """Every marker of a folder that can be read, by index; and the others: file, fault."""
    markers: list[Marker] = []
    broken: list[tuple[str, str]] = []
    for path in list_shard_files(folder):
        if path.suffix == ".json":
            try:
                markers.append(read_marker(path))
            except UserError as error:
                broken.append((path.name, f"cannot be read ({error.__cause__})"))
    return markers, broken


def list_shard_files(folder: Path) -> list[Path]:
    """Shards and markers in a folder; a name such as `shard-notes.json` is of neither."""
    return sorted(path for path in folder.glob("shard-*") if is_shard_file(path.name))


def is_shard_file(name: str) -> bool:
    """Whether a name is that of a shard or of a marker."""
    return _SHARD_FILE.fullmatch(name) is not None


def sum_seconds(markers: Iterable[Marker]) -> dict[str, float]:
    """Seconds of work by stage, over shards."""
    done = [marker.stats.seconds for marker in markers]
    stages = sorted({stage for seconds in done for stage in seconds})
    return {stage: sum(seconds.get(stage, 0.0) for seconds in done) for stage in stages}
