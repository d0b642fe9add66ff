"""A folder of shards: claimed, filled shard by shard, summed up, and read again.

A run may be killed at any moment. What a marker vouches for is whole; everything else is done again.

    .part-<random>-shard-00042.h5   being written; its owner holds a lock on it
    shard-00042.h5                  written and hashed
    shard-00042.json                the marker: this shard is done
    settings.json                   what every shard of the folder was made with
    plan.json                       which photo goes into which shard (features; captions follow their features' plan)
    manifest.json                   the sum of the markers, written at the end of a run
    .lock                           held by the driver that writes to the folder

Files are the same byte for byte from run to run: no time stamps, contiguous uncompressed arrays (which a reader can
map into memory) aligned to 64 bytes. The SHA-256 in the marker takes the place of HDF5's own checksums, which would
need chunks.
"""

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import h5py

from dgf.pipeline.errors import UserError
from dgf.pipeline.files import file_digest, finish_part, part_file, write_json
from dgf.pipeline.shards.claim import MANIFEST, SETTINGS, claim_folder, read_object
from dgf.pipeline.shards.marker import Failure, Marker, ShardStats, fingerprint_of, read_marker, shard_name, sum_seconds
from dgf.pipeline.shards.plan import Plan
from dgf.pipeline.shards.schema import check_schema

ShardKind = Literal["features", "captions"]
MADE_BY: Mapping[str, str] = {"features": "dgf extract-features", "captions": "dgf caption"}
"""What makes a folder of each kind."""

_ALIGNMENT = 64
"""Bytes; every array begins at a multiple, however small it is."""


@dataclass(frozen=True, slots=True)
class ShardFolder:
    """A folder of shards made with one set of settings; `open` one that is there, `claim` one to write to it.

    Args:
        path: Where.
        kind: `features` or `captions`.
        fingerprint: Of the settings; a shard with another one does not count.
    """

    path: Path
    kind: ShardKind
    fingerprint: str

    @classmethod
    def open(cls, path: Path, kind: ShardKind | None = None) -> "ShardFolder":
        """Find a folder, finished or not, of this kind or, for None, of either.

        Raises:
            UserError: It is not there, or not a folder of this kind.
        """
        commands = f"`{MADE_BY[kind]}`" if kind else " or ".join(f"`{command}`" for command in MADE_BY.values())
        hint = f"Give the --out of {commands}, which makes one."
        if not path.is_dir():
            raise UserError(f"{path}: no such folder of {kind or 'features or captions'}", hint)
        fault = f"is not a folder of {kind}" if kind else "holds neither features nor captions"
        try:
            settings = read_object(path / SETTINGS)
        except (OSError, ValueError) as error:
            raise UserError(f"{path} {fault}: {SETTINGS} cannot be read: {error}", hint) from error
        found: Any = settings.get("kind")
        if found not in list(MADE_BY) or kind not in (None, found):
            raise UserError(f"{path} {fault}: {SETTINGS} says {found}", hint)
        return cls(path, found, fingerprint_of(settings))

    @classmethod
    @contextlib.contextmanager
    def claim(cls, path: Path, settings: Mapping[str, Any], *, overwrite: bool = False) -> Iterator["ShardFolder"]:
        """Take a folder for one driver and one set of settings, while the context lasts.

        Make the folder where it is missing, and remove what dead writers left (at the start and at the end). Where a
        run ends before its first shard, the folder is as it was. The settings are what every shard depends on, and
        `kind`; `overwrite` deletes what was made with others.

        Raises:
            UserError: Another driver is at work there, the folder holds something else, or it was made with other
                settings and `overwrite` is not given.
        """
        with claim_folder(path, settings, overwrite=overwrite):
            yield cls(path, settings["kind"], fingerprint_of(settings))

    @property
    def settings(self) -> dict[str, Any]:
        """What every shard was made with."""
        return self._read(SETTINGS)

    @property
    def manifest(self) -> dict[str, Any]:
        """The sum of the folder."""
        return self._read(MANIFEST)

    @property
    def command(self) -> dict[str, Any]:
        """The options that decided what was computed, as the manifest keeps them: to treat new photos alike."""
        try:
            return dict(self.manifest["command"])
        except (KeyError, TypeError, ValueError) as error:
            raise self.damaged(self.path / MANIFEST, "does not say which options the folder was made with") from error

    @property
    def failures(self) -> tuple[Failure, ...]:
        """Photos without a row and why, as the manifest lists them: also those that no shard had."""
        try:
            failures = tuple(Failure(**failure) for failure in self.manifest["failures"])
            if not all(isinstance(failure.image_id, str) for failure in failures):
                raise ValueError("an image id is not a string")
        except (KeyError, TypeError, ValueError) as error:
            raise self.damaged(self.path / MANIFEST, f"cannot be read: {error}") from error
        return failures

    @property
    def plan(self) -> Plan:
        """Which photo goes into which shard; a `UserError` where it is not there or is broken."""
        return Plan.load(self.path)

    def committed(self, index: int) -> Marker | None:
        """The shard's marker if it vouches for these settings and its file is there in the marked size, else None.

        A broken marker counts as none. The hash is not read again: `fault` does that.
        """
        shard = self.path / f"{shard_name(index)}.h5"
        if not shard.with_suffix(".json").is_file():
            return None
        try:
            marker = read_marker(shard.with_suffix(".json"))
        except UserError:
            return None
        whole = marker.index == index and marker.fingerprint == self.fingerprint and shard.is_file()
        return marker if whole and shard.stat().st_size == marker.bytes else None

    def commit(self, index: int, write: Callable[[h5py.File], None], stats: ShardStats) -> Marker:
        """Write a shard and then its marker; either both are whole or the shard does not count.

        `write` fills the open HDF5 file; `stats` goes into the marker, with `seconds["write"]` added.
        """
        started = time.perf_counter()
        path = self.path / f"{shard_name(index)}.h5"
        with part_file(path) as part:
            with _create(part) as file:
                write(file)
            size, sha256 = part.stat().st_size, file_digest(part)
            finish_part(part, path)
        seconds = {**stats.seconds, "write": time.perf_counter() - started}
        marker = Marker(index, self.fingerprint, path.name, size, sha256, replace(stats, seconds=seconds))
        write_json(path.with_suffix(".json"), asdict(marker))
        return marker

    def write_manifest(self, markers: Iterable[Marker], more: Mapping[str, Any]) -> None:
        """Sum the folder up in `manifest.json`: rows, failures, seconds, files with their hashes, and `more`."""
        done = sorted(markers, key=lambda marker: marker.index)
        content = {
            "kind": self.kind,
            "fingerprint": done[0].fingerprint if done else None,
            "rows": sum(marker.stats.rows for marker in done),
            "failures": [asdict(failure) for marker in done for failure in marker.stats.failures],
            "seconds": {stage: round(seconds, 3) for stage, seconds in sum_seconds(done).items()},
            "shards": [{"file": m.file, "rows": m.stats.rows, "bytes": m.bytes, "sha256": m.sha256} for m in done],
            **more,
        }
        write_json(self.path / MANIFEST, content)

    def markers(self) -> list[Marker]:
        """Every marker that lies in the folder, by index, whatever it vouches for."""
        return [read_marker(path) for path in sorted(self.path.glob("shard-*.json"))]

    def finished(self, shards: int | None = None) -> list[Marker]:
        """The marker of every shard of a finished folder; it has `shards`, or else as many as the folder's own plan.

        Raises:
            UserError: A shard or the manifest is not there yet; names the command that continues.
        """
        total = len(self.plan.shards) if shards is None else shards
        found = [self.committed(index) for index in range(total)]
        done = [marker for marker in found if marker is not None]
        lacking = shard_name(found.index(None)) if len(done) < total else MANIFEST
        if len(done) < total or not (self.path / MANIFEST).is_file():
            raise UserError(
                f"{self.path} is unfinished, {len(done)} of {total} shards are done: {lacking} is missing or not whole",
                f"Run the same `{MADE_BY[self.kind]}` again: it continues where it ended.",
            )
        return done

    @contextlib.contextmanager
    def open_shard(self, marker: Marker) -> Iterator[h5py.File]:
        """A shard open for reading, seen to be what its marker says, as far as that shows without hashing it.

        Raises:
            UserError: It is not, or cannot be read.
        """
        path = self.path / marker.file
        try:
            with h5py.File(path, "r", locking=False) as file:
                check_schema(file, self.kind)
                if file.attrs["fingerprint"] != marker.fingerprint:
                    raise self.damaged(path, "was made with other settings than its marker says")
                if (rows := len(file["image_id"])) != marker.stats.rows:
                    raise self.damaged(path, f"has {rows} rows, its marker says {marker.stats.rows}")
                yield file
        except (OSError, KeyError, RuntimeError) as error:
            raise self.damaged(path, f"cannot be read as HDF5 ({error})") from error

    def fault(self, marker: Marker) -> str | None:
        """Read a shard again: the first thing in which it is not what its marker says; None where there is none."""
        path = self.path / marker.file
        if not path.is_file():
            return "is not there"
        if (size := path.stat().st_size) != marker.bytes:
            return f"has {size} bytes, its marker says {marker.bytes}"
        if (found := file_digest(path)) != marker.sha256:
            return f"has SHA-256 {found[:12]}..., its marker says {marker.sha256[:12]}..."
        try:
            with self.open_shard(marker):
                return None
        except UserError as error:
            return error.message.removeprefix(f"{path}").lstrip(": ")

    def damaged(self, path: Path, fault: str) -> UserError:
        """The error that says what is wrong with a file of the folder, and how to recreate it."""
        return UserError(f"{path}: {fault}", f"Recreate the folder: `{MADE_BY[self.kind]} ... --overwrite`.")

    def _read(self, name: str) -> dict[str, Any]:
        try:
            return read_object(self.path / name)
        except (OSError, ValueError) as error:
            hint = f"Run the same `{MADE_BY[self.kind]}` again."
            raise UserError(f"{self.path / name}: cannot be read: {error}", hint) from error


def _create(path: Path) -> h5py.File:
    # The lock is ours (see `part_file`), HDF5's own would collide with it. The format of HDF5 1.10 is read everywhere.
    aligned = {"alignment_threshold": 1, "alignment_interval": _ALIGNMENT}
    return h5py.File(path, "w", libver=("v110", "v110"), locking=False, **aligned)
