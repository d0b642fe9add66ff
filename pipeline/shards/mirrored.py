"""A folder of shards at an address: its records are copied here, its shards where they are read.

A shard is written here as any other, then its file is put there, and its marker last: what a marker there vouches for
is whole. Markers tell what is done, so that a run on another machine continues with nothing but the address.
"""

import contextlib
import functools
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dgf.pipeline.errors import FolderTakenError, UserError
from dgf.pipeline.files import file_digest, read_record
from dgf.pipeline.shards.check import WholeShards, hash_fault
from dgf.pipeline.shards.claim import MANIFEST, PLAN, SETTINGS, claim_folder
from dgf.pipeline.shards.marker import Marker, is_shard_file, list_shard_files, read_marker, read_markers, shard_name
from dgf.pipeline.storage.address import Address, Location
from dgf.pipeline.storage.hold import CLAIM, check_claim, hold_address, holds
from dgf.pipeline.storage.mirror import Mirror
from dgf.pipeline.storage.remote import Remote, RemoteFile

_RECORDS = (PLAN, MANIFEST, SETTINGS)

_FETCHERS = 4
"""Threads that fetch shards."""


@dataclass(frozen=True, slots=True)
class ShardMirror:
    """The copy of a folder of shards at an address; where a `run` holds it, nothing is written once it does not."""

    address: Address
    run: str | None = None

    @property
    def path(self) -> Path:
        """Where its records are, and the shards that were written or read here."""
        return self._mirror.path

    def pull(self) -> None:
        """Make the records here those at the address; a marker whose shard is not there in its size is left out.

        Raises:
            UserError: The address cannot be read.
        """
        with self._mirror.locked():
            self._mirror.clean()
            there = self._mirror.remote.list() if self._mirror.remote.lists else self._by_manifest()
            records = {name: about for name, about in there.items() if name in _RECORDS or _is_marker(name)}
            for path in (*(self.path / name for name in _RECORDS), *list_shard_files(self.path)):
                if path.with_suffix(".json").name not in records:  # of a shard, with its marker
                    path.unlink(missing_ok=True)
            stale = {name: about for name, about in records.items() if not self._mirror.is_fresh(name, about)}
            self._mirror.fetch_all(stale)
            for name in filter(_is_marker, records):
                self._drop_unvouched(self.path / name, there)

    def bring(self, markers: list[Marker], whole: WholeShards, *, afresh: bool = False) -> None:
        """Fetch the shards of these markers that are not here as they say, several at a time; `whole` notes those seen.

        With `afresh` all are fetched, to see whether they are whole at the address.

        Raises:
            UserError: One cannot be fetched, or is not what its marker says.
        """

        def limit(marker: Marker) -> int | None:  # a listing has told the size; a server of http may send without end
            return None if self._mirror.remote.lists else marker.bytes

        def bring(marker: Marker) -> None:
            check = functools.partial(self._check_shard, marker)
            lacking = afresh or hash_fault(self.path, marker, whole)
            if lacking and not self._mirror.fetch(marker.file, check=check, limit=limit(marker)):
                raise UserError(
                    f"{self.address / marker.file} is gone, and its marker is there.",
                    "Run the command that made the folder again: it makes what is lacking.",
                )

        with ThreadPoolExecutor(_FETCHERS) as pool:
            list(pool.map(bring, markers))

    def _check_shard(self, marker: Marker, part: Path) -> None:
        if (found := file_digest(part)) != marker.sha256:
            raise UserError(
                f"{self.address / marker.file}: has SHA-256 {found[:12]}... and should have {marker.sha256[:12]}...",
                f"Remove {self.address / shard_name(marker.index)}.json; then the command that made the folder, without"
                " --overwrite, makes this shard again, and nothing else.",
            )

    def put(self, name: str, file: Path) -> None:
        """Put a file there."""
        self.check()
        self._mirror.remote.put(name, file)

    @contextlib.contextmanager
    def marking(self, index: int, marker: bytes) -> Iterator[None]:
        """Put a shard's marker there, and keep others here from looking until the context has written it here."""
        with self._mirror.locked():
            self.check()
            self._mirror.remote.write(f"{shard_name(index)}.json", marker)
            yield

    def withdraw(self, index: int) -> None:
        """Remove a shard there, its marker first."""
        self.check()
        self._mirror.remote.remove(f"{shard_name(index)}.{suffix}" for suffix in ("json", "h5"))

    def check(self) -> None:
        """See that the run still holds the address.

        Raises:
            FolderTakenError: Another run has taken it over.
        """
        if self.run is not None:
            check_claim(self._mirror.remote, self.run)

    @contextlib.contextmanager
    def claim(self, settings: Mapping[str, Any], *, overwrite: bool) -> Iterator["ShardMirror"]:
        """Take the address for one driver, as `claim_folder` takes a folder; the settings are put there.

        The mirror that is given writes as long as the run holds the address, whichever process it is sent to.

        Raises:
            UserError: Another run is at work there, or it holds something else.
        """
        with hold_address(self._mirror) as run:
            there = self._mirror.remote.list()
            if SETTINGS not in there and (foreign := [name for name in there if name != CLAIM]):
                fault = f"is not empty and was not made by this command (it holds {foreign[0]})."
                raise FolderTakenError(f"{self.address} {fault}", "Give a new address as --out.")
            self.pull()
            if SETTINGS not in there:  # the copy may have what lay there once, such as a data set
                self._mirror.empty()
            with claim_folder(self.path, settings, overwrite=overwrite, together=False):
                if overwrite:
                    self._remove_own(there)
                held = replace(self, run=run)
                held.put(SETTINGS, self.path / SETTINGS)
                try:
                    yield held
                except BaseException:
                    with contextlib.suppress(UserError):
                        self._leave_nothing(run)
                    raise

    @property
    def _mirror(self) -> Mirror:
        return Mirror(self.address)

    def _leave_nothing(self, run: str) -> None:
        """Remove the records of a run that ends before its first shard, as in a folder, unless they are another's."""
        there = self._mirror.remote.list()
        if not any(map(is_shard_file, there)) and holds(self._mirror.remote, run):
            self._remove_own(there)
        self.pull()

    def _remove_own(self, there: Mapping[str, RemoteFile]) -> None:
        """Remove everything of an earlier run, markers first and settings last."""
        shards = sorted(filter(is_shard_file, there), key=lambda name: not name.endswith(".json"))
        self._mirror.remote.remove([*shards, *(name for name in _RECORDS if name in there)])

    def _by_manifest(self) -> dict[str, RemoteFile]:
        """The files of a finished folder, where it cannot be asked which there are."""
        for name in self._mirror.fetch_all(dict.fromkeys(_RECORDS)):
            (self.path / name).unlink(missing_ok=True)
        try:
            listed = {str(each["file"]): int(each["bytes"]) for each in read_record(self.path / MANIFEST)["shards"]}
            if strange := [name for name in listed if not is_shard_file(name)]:
                raise ValueError(f"{strange[0]!r} is no name of a shard")
        except (OSError, ValueError, OverflowError, KeyError, TypeError) as error:
            raise UserError(
                f"{self.address}: has no {MANIFEST} that can be read, so it holds no finished shards ({error}).",
                "Over http and https finished folders alone can be read.",
            ) from error
        there = {name: RemoteFile(size, None) for name, size in listed.items()}
        markers = {Path(name).with_suffix(".json").name: RemoteFile(None, None) for name in listed}
        found = {name: RemoteFile((self.path / name).stat().st_size, None) for name in _RECORDS if self._has(name)}
        return {**there, **markers, **found}

    def _has(self, name: str) -> bool:
        return (self.path / name).is_file()

    def _drop_unvouched(self, path: Path, there: Mapping[str, RemoteFile]) -> None:
        """Remove the copy of a marker whose shard is not at the address in the size that it says."""
        with contextlib.suppress(UserError):  # a broken marker is told of by whoever reads it
            marker = read_marker(path)
            about = there.get(marker.file)
            if about is None or about.size != marker.bytes:
                path.unlink(missing_ok=True)


def records_of(where: Location) -> Path:
    """The folder in which the records of shards can be read that are to be written, whether it is there yet or not.

    Raises:
        UserError: An address cannot be read, or never written.
    """
    if isinstance(where, Path):
        return where
    if not Remote(where).writes:
        raise UserError(f"{where}: {where.protocol}:// cannot be written.", "Give a folder, or an address like s3://.")
    mirror = ShardMirror(where)
    mirror.pull()
    return mirror.path


def bring_shards(address: Address) -> Path:
    """Fetch a folder of shards as a whole, as far as it is finished; returns where it is here.

    Raises:
        UserError: It cannot be fetched, or a shard is not what its marker says.
    """
    mirror = ShardMirror(address)
    mirror.pull()
    mirror.bring(read_markers(mirror.path)[0], {})
    return mirror.path


def _is_marker(name: str) -> bool:
    return name.endswith(".json") and is_shard_file(name)
