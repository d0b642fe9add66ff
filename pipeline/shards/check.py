"""Whether a finished shard is still what its marker says: by marker, size, SHA-256, and then HDF5."""

from pathlib import Path

import h5py

from dgf.pipeline.errors import UserError
from dgf.pipeline.file_kinds import recognize
from dgf.pipeline.files import file_digest
from dgf.pipeline.shards.marker import Marker, damaged_file, read_marker, shard_name
from dgf.pipeline.shards.schema import check_schema, reading

WholeShards = dict[str, tuple[object, ...]]
"""File name of each shard whose hash was compared -> the state of the file then."""


def look_at_marker(folder: Path, fingerprint: str, index: int, *, with_file: bool) -> tuple[Marker | None, str | None]:
    """A shard's marker and what is wrong, as far as that shows without reading the shard; twice None: not made yet.

    Without its file, the marker alone is looked at.
    """
    name = shard_name(index)
    path = folder / f"{name}.json"
    if not path.exists():
        return None, None
    try:
        marker = read_marker(path)
    except UserError as error:
        return None, f"has a marker that cannot be read ({error.__cause__})"
    if marker.index != index:
        return marker, "has the marker of another shard"
    if marker.fingerprint != fingerprint:
        return marker, "was made with other settings than settings.json says"
    return marker, size_fault(folder, marker) if with_file else None


def size_fault(folder: Path, marker: Marker) -> str | None:
    """What is wrong with a shard's file by its size; None where nothing is."""
    path = folder / marker.file
    if not path.is_file():
        return "is not there"
    size = path.stat().st_size
    return None if size == marker.bytes else f"has {size} bytes, its marker says {marker.bytes}{_what_it_is(path)}"


def _what_it_is(path: Path) -> str:
    """What is there in place of a shard, such as a Git LFS pointer."""
    kind = recognize(path)
    return "" if kind is None or kind.name == "an HDF5 file" else f": it is {kind.name}"


def hash_fault(folder: Path, marker: Marker, whole: WholeShards) -> str | None:
    """What is wrong with a shard's bytes; they are read unless `whole` has the file as it is now, and noted there."""
    if fault := size_fault(folder, marker):
        return fault
    path = folder / marker.file
    try:
        about = path.stat()
        state = (marker.sha256, about.st_ino, about.st_mtime_ns)
        if whole.get(marker.file) == state:
            return None
        found = file_digest(path)
    except OSError as error:
        return f"cannot be read ({error})"
    if found != marker.sha256:
        return f"has SHA-256 {found[:12]}..., its marker says {marker.sha256[:12]}...{_what_it_is(path)}"
    whole[marker.file] = state
    return None


def open_whole(folder: Path, kind: str, marker: Marker, whole: WholeShards) -> h5py.File:
    """Open a shard for reading, after its hash was compared; the caller closes it.

    Raises:
        UserError: It is not what its marker says.
    """
    path = folder / marker.file
    # HDF5 may do anything with a file that has other bytes than it wrote.
    if fault := hash_fault(folder, marker, whole):
        raise damaged_file(path, kind, fault)
    try:
        file = h5py.File(path, "r", locking=False)
    except Exception as error:  # HDF5 raises many kinds for what it cannot read
        raise damaged_file(path, kind, f"cannot be read as HDF5 ({error})") from error
    try:
        check_schema(file, kind)
        with reading(file):
            fingerprint, rows = str(file.attrs["fingerprint"]), len(file["image_id"])
        if fingerprint != marker.fingerprint:
            raise damaged_file(path, kind, "was made with other settings than its marker says")
        if rows != marker.stats.rows:
            raise damaged_file(path, kind, f"has {rows} rows, its marker says {marker.stats.rows}")
    except BaseException:
        file.close()
        raise
    return file
