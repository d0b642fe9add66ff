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
need chunks: whoever reads a shard compares it first, before HDF5 looks at the file.
"""

import contextlib
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import h5py

from dgf.pipeline.errors import UserError
from dgf.pipeline.files import file_digest, finish_part, part_file, read_record, record_bytes, write_record
from dgf.pipeline.shards.check import WholeShards, hash_fault, look_at_marker, open_whole, size_fault
from dgf.pipeline.shards.claim import MANIFEST, PLAN, SETTINGS, claim_folder
from dgf.pipeline.shards.marker import (
    MADE_BY,
    Failure,
    Marker,
    ShardKind,
    ShardStats,
    damaged_file,
    fingerprint_of,
    read_markers,
    shard_name,
    sum_seconds,
)
from dgf.pipeline.shards.mirrored import ShardMirror
from dgf.pipeline.shards.plan import Plan
from dgf.pipeline.shards.schema import create_shard
from dgf.pipeline.storage.address import Address, Location

Looked = TypeVar("Looked")

_HASHERS = 4
"""Threads that read shards to compare their hashes."""


@dataclass(frozen=True, slots=True)
class ShardFolder:
    """A folder of shards made with one set of settings; `open` one that is there, `claim` one to write to it.

    Args:
        path: Where; of a folder at an address, its copy here.
        kind: `features` or `captions`.
        fingerprint: Of the settings; a shard with another one does not count.
        mirror: Of a folder at an address; None of one of this machine.
    """

    path: Path
    kind: ShardKind
    fingerprint: str
    mirror: ShardMirror | None = None
    _whole: WholeShards = field(default_factory=dict, compare=False, repr=False)
    """So that each shard is read once in a command to compare its hash."""

    @classmethod
    def open(cls, where: Location, kind: ShardKind | None = None) -> "ShardFolder":
        """Find a folder, finished or not, of this kind or, for None, of either.

        Raises:
            UserError: It is not there, or not a folder of this kind.
        """
        mirror = ShardMirror(where) if isinstance(where, Address) else None
        if mirror is not None:
            mirror.pull()
        path = where if isinstance(where, Path) else ShardMirror(where).path
        commands = f"`{MADE_BY[kind]}`" if kind else " or ".join(f"`{command}`" for command in MADE_BY.values())
        hint = f"Give the --out of {commands}, which makes one."
        if not path.is_dir() or (mirror is not None and not any(path.iterdir())):
            raise UserError(f"{where}: no such folder of {kind or 'features or captions'}", hint)
        fault = f"is not a folder of {kind}" if kind else "holds neither features nor captions"
        if not (path / SETTINGS).is_file():
            raise UserError(f"{path} {fault}: {SETTINGS} cannot be read: there is no such file", hint)
        try:
            settings = read_record(path / SETTINGS)
        except (OSError, ValueError) as error:
            again = f"Run the same {commands} again, without --overwrite: it writes the file again."
            raise UserError(f"{path / SETTINGS} cannot be read: {error}", again) from error
        found: Any = settings.get("kind")
        if found not in list(MADE_BY) or kind not in (None, found):
            raise UserError(f"{path} {fault}: {SETTINGS} says {found}", hint)
        return cls(path, found, fingerprint_of(settings), mirror)

    @classmethod
    @contextlib.contextmanager
    def claim(
        cls, where: Location, settings: Mapping[str, Any], *, overwrite: bool = False, together: bool = False
    ) -> Iterator["ShardFolder"]:
        """Take a folder for one driver and one set of settings, while the context lasts.

        Make the folder where it is missing, and remove what dead writers left (at the start and at the end). Where a
        run ends before its first shard, the folder is as it was. The settings are what every shard depends on, and
        `kind`; `overwrite` deletes what was made with others. Drivers that take it `together` keep out only those that
        do not; an address cannot be taken so.

        Raises:
            UserError: Another driver is at work there, the folder holds something else, or it was made with other
                settings and `overwrite` is not given.
        """
        if isinstance(where, Path):
            with claim_folder(where, settings, overwrite=overwrite, together=together):
                yield cls(where, settings["kind"], fingerprint_of(settings))
            return
        mirror = ShardMirror(where)
        with mirror.claim(settings, overwrite=overwrite) as held:
            yield cls(held.path, settings["kind"], fingerprint_of(settings), held)
            held.check()

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
    def hashes(self) -> dict[str, str]:
        """SHA-256 of each shard's file, as the manifest lists them."""
        try:
            return {str(shard["file"]): str(shard["sha256"]) for shard in self.manifest["shards"]}
        except (KeyError, TypeError, ValueError) as error:
            raise self.damaged(self.path / MANIFEST, "does not list the shards") from error

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

        A broken marker counts as none. The hash is not compared: `find_damage` and `open_shard` do that. Of a folder at
        an address, the file is there that has the marked size, as `refresh` last saw it.
        """
        marker, fault = self._look(index)
        return marker if fault is None else None

    def find_damage(
        self, indices: Sequence[int], on_shard: Callable[[int], object] = lambda index: None
    ) -> dict[int, str]:
        """Read those shards that are said to be done: the number of each that is not whole, and what is wrong with it.

        `on_shard` is called with the number of each that has been read. At an address they are not read for this.
        """

        def look(index: int) -> str | None:
            marker, fault = self._look(index)
            return fault if marker is None or fault or self.mirror is not None else self.fault(marker)

        found: dict[int, str] = {}
        for index, fault in zip(indices, _in_threads(look, indices), strict=True):
            on_shard(index)
            if fault is not None:
                found[index] = fault
        return found

    def withdraw(self, index: int) -> None:
        """Remove a shard, its marker first: it is no longer done."""
        if self.mirror is not None:
            self.mirror.withdraw(index)
        for suffix in ("json", "h5"):
            (self.path / f"{shard_name(index)}.{suffix}").unlink(missing_ok=True)

    def commit(self, index: int, write: Callable[[h5py.File], None], stats: ShardStats) -> Marker:
        """Write a shard and then its marker; either both are whole or the shard does not count.

        `write` fills the open HDF5 file; `stats` goes into the marker, with `seconds["write"]` added.
        """
        started = time.perf_counter()
        path = self.path / f"{shard_name(index)}.h5"
        with part_file(path) as part:
            with create_shard(part) as file:
                write(file)
            size, sha256 = part.stat().st_size, file_digest(part)
            if self.mirror is not None:
                self.mirror.put(path.name, part)
            finish_part(part, path)
        seconds = {**stats.seconds, "write": time.perf_counter() - started}
        marker = Marker(index, self.fingerprint, path.name, size, sha256, replace(stats, seconds=seconds))
        content = asdict(marker)
        with contextlib.nullcontext() if self.mirror is None else self.mirror.marking(index, record_bytes(content)):
            write_record(path.with_suffix(".json"), content)
        return marker

    def check_held(self) -> None:
        """See that an address that was claimed is still held, before anything is computed for it.

        Raises:
            FolderTakenError: Another run has taken it over.
        """
        if self.mirror is not None:
            self.mirror.check()

    def save_plan(self, plan: Plan) -> None:
        """Write the plan."""
        plan.save(self.path)
        self._put(PLAN)

    def refresh(self) -> None:
        """See what others have done since: at an address shards may be committed from other machines.

        Raises:
            UserError: The address cannot be read.
        """
        if self.mirror is not None:
            self.mirror.pull()

    def found_here(self) -> "ShardFolder":
        """The same folder in a process of any machine, which has copies of its own of what lies at an address.

        Raises:
            UserError: The address cannot be read.
        """
        self.refresh()
        return self if self.mirror is None else replace(self, path=self.mirror.path)

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
        write_record(self.path / MANIFEST, content)
        self._put(MANIFEST)

    def markers(self) -> list[Marker]:
        """Every marker that lies in the folder, by index, whatever it vouches for; broken ones are left out."""
        return self.all_markers()[0]

    def all_markers(self) -> tuple[list[Marker], list[tuple[str, str]]]:
        """`markers`, and those that cannot be read: file, fault."""
        return read_markers(self.path)

    def lacking(self, markers: Iterable[Marker]) -> Iterator[tuple[str, str]]:
        """The shards whose file is gone or has another size than its marker says: file, fault; nothing is read."""
        for marker in markers:
            if self.mirror is None and (fault := size_fault(self.path, marker)):
                yield marker.file, fault

    def finished(self, shards: int | None = None) -> list[Marker]:
        """The marker of every shard of a finished folder; it has `shards`, or else as many as the folder's own plan.

        Raises:
            UserError: A shard or the manifest is not there yet; names the command that continues.
        """
        total = len(self.plan.shards) if shards is None else shards
        found = [self._look(index) for index in range(total)]
        done = [marker for marker, fault in found if marker is not None and fault is None]
        if len(done) < total:
            number, fault = next((index, fault) for index, (marker, fault) in enumerate(found) if not marker or fault)
            lacking = f"{shard_name(number)}.h5 {fault or 'is not made yet'}"
        else:
            lacking = f"{MANIFEST} is missing"
        if len(done) < total or not (self.path / MANIFEST).is_file():
            raise UserError(
                f"{self.path} is unfinished, {len(done)} of {total} shards are done: {lacking}",
                f"Run the same `{MADE_BY[self.kind]}` again, without --overwrite: it continues where it ended.",
            )
        return done

    def verify(self, markers: Sequence[Marker]) -> None:
        """Compare the hashes of shards with their markers, several at a time.

        Raises:
            UserError: One is not what its marker says.
        """
        if self.mirror is not None:
            self.mirror.bring(list(markers), self._whole)
        faults = _in_threads(lambda marker: hash_fault(self.path, marker, self._whole), markers)
        for marker, fault in zip(markers, faults, strict=True):
            if fault is not None:
                raise self.damaged(self.path / marker.file, fault)

    @contextlib.contextmanager
    def open_shard(self, marker: Marker) -> Iterator[h5py.File]:
        """A shard open for reading, seen to be what its marker says; read it within `reading`.

        Raises:
            UserError: It is not, or cannot be read.
        """
        with self._open(marker) as file:
            yield file

    def fault(self, marker: Marker) -> str | None:
        """Read a shard again: the first thing in which it is not what its marker says; None where there is none.

        At an address it is read there, whatever copy is here.
        """
        try:
            if self.mirror is not None:
                self.mirror.bring([marker], self._whole, afresh=True)
            with self._open(marker):
                return None
        except UserError as error:
            return error.message.removeprefix(f"{self.path / marker.file}").lstrip(": ")

    def damaged(self, path: Path, fault: str) -> UserError:
        """The error that says what is wrong with a file of the folder, and that the same command makes it again."""
        return damaged_file(path, self.kind, fault)

    def unfit(self, path: Path, fault: str) -> UserError:
        """The error for a file that is as dgf wrote it and does not go with the others."""
        return UserError(f"{path}: {fault}", f"Recreate the folder: `{MADE_BY[self.kind]} ... --overwrite`.")

    def _look(self, index: int) -> tuple[Marker | None, str | None]:
        return look_at_marker(self.path, self.fingerprint, index, with_file=self.mirror is None)

    def _put(self, name: str) -> None:
        if self.mirror is not None:
            self.mirror.put(name, self.path / name)

    def _open(self, marker: Marker) -> h5py.File:
        if self.mirror is not None:
            self.mirror.bring([marker], self._whole)
        return open_whole(self.path, self.kind, marker, self._whole)

    def _read(self, name: str) -> dict[str, Any]:
        try:
            return read_record(self.path / name)
        except (OSError, ValueError) as error:
            raise self.damaged(self.path / name, f"cannot be read: {error}") from error


def _in_threads(look: Callable[[Looked], str | None], items: Iterable[Looked]) -> Iterator[str | None]:
    """What is wrong with each, in order; hashing lets other threads run."""
    with ThreadPoolExecutor(min(_HASHERS, os.cpu_count() or 1)) as pool:
        yield from pool.map(look, items)
