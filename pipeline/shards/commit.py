"""How a shard becomes final: temporary name, flush, hash, rename, marker last.

A run may be killed at any moment. What a marker vouches for is whole; everything else is done again.

    .part-<random>-shard-00042.h5   being written; its owner holds a lock on it
    shard-00042.h5                  written and hashed
    shard-00042.json                the marker: this shard is done
    settings.json                   what every shard of the folder was made with
    manifest.json                   the sum of the markers, written at the end of a run
    .lock                           held by the driver that writes to the folder

Files are the same byte for byte from run to run: no time stamps, contiguous uncompressed arrays (which a reader can
map into memory) aligned to 64 bytes. The SHA-256 in the marker takes the place of HDF5's own checksums, which would
need chunks.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import h5py

from dgf.pipeline.errors import UserError

PART = ".part-"
LOCK = ".lock"
SETTINGS = "settings.json"
MANIFEST = "manifest.json"
ALIGNMENT = 64
"""Bytes; every array begins at a multiple, however small it is."""


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
    """The vouching for one finished shard.

    Args:
        index: Number of the shard in the plan.
        fingerprint: Of the settings it was made with.
        file: Name of the shard in the same folder.
        bytes: Size of the file.
        sha256: Of the file, hexadecimal.
        stats: Rows, failures, times.
    """

    index: int
    fingerprint: str
    file: str
    bytes: int
    sha256: str
    stats: ShardStats


def shard_name(index: int) -> str:
    """Name without suffix: `shard-00042`."""
    return f"shard-{index:05d}"


def fingerprint(settings: Mapping[str, Any]) -> str:
    """SHA-256 of the settings' canonical JSON: equal settings, equal fingerprint, whatever the order of the keys."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def write_atomic(path: Path, data: bytes) -> None:
    """Write a small file so that a reader sees the old or the new content, never a part."""
    with _part(path) as part:
        part.write_bytes(data)
        _rename(part, path)


def write_json(path: Path, content: object) -> None:
    """`write_atomic` of readable JSON."""
    write_atomic(path, (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode())


def commit(folder: Path, index: int, fingerprint: str, write: Callable[[h5py.File], None], stats: ShardStats) -> Marker:
    """Write a shard and then its marker; either both are whole or the shard does not count.

    Args:
        folder: Where the shards lie.
        index: Number of the shard.
        fingerprint: Of the settings the folder was claimed with.
        write: Fills the open HDF5 file.
        stats: Goes into the marker, with `seconds["write"]` added.
    """
    started = time.perf_counter()
    path = folder / f"{shard_name(index)}.h5"
    with _part(path) as part:
        with _create(part) as file:
            write(file)
        size, sha256 = part.stat().st_size, file_digest(part)
        _rename(part, path)
    seconds = {**stats.seconds, "write": time.perf_counter() - started}
    marker = Marker(index, fingerprint, path.name, size, sha256, replace(stats, seconds=seconds))
    write_json(folder / f"{shard_name(index)}.json", asdict(marker))
    return marker


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
        raise UserError(
            f"{path} is not a shard's marker: {error}", "Delete it and run the same command again."
        ) from error


def committed(folder: Path, index: int, fingerprint: str) -> Marker | None:
    """The shard's marker if it vouches for this fingerprint and its file is there in the marked size, else None.

    A broken marker counts as none. The hash is not read again: `dgf inspect --verify` does that.
    """
    path = folder / f"{shard_name(index)}.json"
    if not path.is_file():
        return None
    try:
        marker = read_marker(path)
    except UserError:
        return None
    if marker.index != index or marker.fingerprint != fingerprint:
        return None
    shard = folder / f"{shard_name(index)}.h5"
    return marker if shard.is_file() and shard.stat().st_size == marker.bytes else None


def markers(folder: Path) -> list[Marker]:
    """Every marker of the folder by index."""
    return [read_marker(path) for path in sorted(folder.glob("shard-*.json"))]


def write_manifest(folder: Path, kind: str, done: Iterable[Marker], more: Mapping[str, Any]) -> None:
    """Sum the folder up in `manifest.json`: rows, failures, seconds, files with their hashes, and `more`."""
    done = sorted(done, key=lambda marker: marker.index)
    stages = sorted({stage for marker in done for stage in marker.stats.seconds})
    content = {
        "kind": kind,
        "fingerprint": done[0].fingerprint if done else None,
        "rows": sum(marker.stats.rows for marker in done),
        "failures": [asdict(failure) for marker in done for failure in marker.stats.failures],
        "seconds": {stage: round(sum(marker.stats.seconds.get(stage, 0.0) for marker in done), 3) for stage in stages},
        "shards": [{"file": m.file, "rows": m.stats.rows, "bytes": m.bytes, "sha256": m.sha256} for m in done],
        **more,
    }
    write_json(folder / MANIFEST, content)


@contextlib.contextmanager
def claim(folder: Path, settings: Mapping[str, Any], *, overwrite: bool = False) -> Iterator[str]:
    """Take a folder for one driver and one set of settings; yields the fingerprint.

    Makes the folder where it is missing, removes what dead writers left (at the start and at the end), and where a
    run ends before its first shard, the folder is as it was.

    Raises:
        UserError: Another driver is at work there, the folder holds something else, or it was made with other
            settings and `overwrite` is not given.
    """
    made = not folder.exists()
    if not made and not folder.is_dir():
        raise UserError(f"{folder} is a file, not a folder.", "Give another --out.")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with exclusive(folder):
            clean(folder)
            _check_settings(folder, settings, overwrite)
            write_json(folder / SETTINGS, settings)
            try:
                yield fingerprint(settings)
            except BaseException:
                if not any(folder.glob("shard-*.json")):
                    for path in _own_files(folder):
                        path.unlink()
                raise
            finally:
                clean(folder)
    finally:
        if made and not any(folder.iterdir()):
            folder.rmdir()


def clean(folder: Path) -> None:
    """Remove temporary files whose writer is gone: nobody holds their lock."""
    for part in folder.glob(f"{PART}*"):
        with contextlib.suppress(FileNotFoundError), part.open("rb+") as file:
            if _lock(file.fileno()):
                part.unlink(missing_ok=True)


def file_digest(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check_settings(folder: Path, settings: Mapping[str, Any], overwrite: bool) -> None:
    path = folder / SETTINGS
    if not path.exists():
        foreign = [item.name for item in folder.iterdir() if item.name != LOCK]
        if foreign:
            raise UserError(
                f"{folder} is not empty and was not made by this command (it holds {foreign[0]}).",
                "Give a new folder as --out.",
            )
        return
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
        changes = _differences(before, dict(settings))
    except (ValueError, AttributeError) as error:
        changes = [f"{path.name} cannot be read ({error})"]
    if changes and not overwrite:
        raise UserError(
            f"{folder} was made with other settings: {'; '.join(changes)}.",
            "Give --overwrite to make it anew, or another --out.",
        )
    if overwrite:
        for old in _own_files(folder):
            old.unlink()


def _own_files(folder: Path) -> list[Path]:
    # Markers go first, so that a kill in the middle leaves no marker without its file.
    return [
        *sorted(folder.glob("shard-*.json")),
        *sorted(folder.glob("shard-*.h5")),
        *(folder / name for name in ("plan.json", MANIFEST, SETTINGS) if (folder / name).exists()),
    ]


def _differences(before: Mapping[str, Any], now: Mapping[str, Any], prefix: str = "") -> list[str]:
    changes = []
    for key in sorted(before.keys() | now.keys()):
        old, new = before.get(key), now.get(key)
        if isinstance(old, dict) and isinstance(new, dict):
            changes += _differences(old, new, f"{prefix}{key}.")
        elif old != new:
            changes.append(f"{prefix}{key} was {_short(old)}, is {_short(new)}")
    return changes


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."


@contextlib.contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Keeps every other run out of a folder while this one works in it.

    Raises:
        UserError: Another is at work there.
    """
    path = folder / LOCK
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        if not _lock(descriptor):
            os.close(descriptor)
            raise UserError(f"{folder} is being written by another run.", "Wait for it, or give another --out.")
        # A driver that has just ended may have removed the file between our opening and our locking it.
        if path.exists() and os.path.samestat(os.fstat(descriptor), path.stat()):
            break
        os.close(descriptor)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextlib.contextmanager
def _part(path: Path) -> Iterator[Path]:
    """A new temporary file beside `path`, locked by this process while it lives, gone afterwards."""
    part = path.with_name(f"{PART}{secrets.token_hex(6)}-{path.name}")
    descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield part
    finally:
        part.unlink(missing_ok=True)
        os.close(descriptor)


def _rename(part: Path, path: Path) -> None:
    with part.open("rb+") as file:
        os.fsync(file.fileno())
    os.replace(part, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _create(path: Path) -> h5py.File:
    # The lock is ours (see `_part`), HDF5's own would collide with it. The format of HDF5 1.10 is read everywhere.
    return h5py.File(
        path, "w", libver=("v110", "v110"), locking=False, alignment_threshold=1, alignment_interval=ALIGNMENT
    )
