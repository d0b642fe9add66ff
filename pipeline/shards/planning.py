"""Decides which photo goes into which batch of which shard: once, from the photos alone.

A detector pads the photos of a batch to a common size, which changes its output a little. So the batches are fixed
before anything runs: they depend on the photos' bytes and the settings, never on the order or number of posts, on
workers, or on what an interrupted run left over.

Photos that failed and are tried again leave the batches that were computed without them, for shards behind the others:
what is there stays as it is, byte for byte.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from dgf.pipeline.errors import FolderTakenError
from dgf.pipeline.photos import ImageError, digest, probe, read_bytes
from dgf.pipeline.shards.marker import Failure
from dgf.pipeline.shards.plan import Photo, PhotoBatch, Plan, PlannedShard

GRID = 64
"""Photos whose network input agrees up to this many pixels in both directions may share a batch."""

_READERS = 4
"""Threads that read and hash."""


class _File(NamedTuple):
    """What a photo's file is: its hash, (height, width) and length."""

    sha256: str
    size: tuple[int, int]
    bytes: int


_Pack = Callable[[Mapping[str, _File]], tuple[PlannedShard, ...]]
"""Files by id, laid out in shards."""


def make_plan(
    root: Path,
    image_ids: Iterable[str],
    *,
    shard_size: int,
    batch_size: int,
    resized: Callable[[int, int], tuple[int, int]],
    before: Plan | None = None,
    again: Set[str] = frozenset(),
    on_photo: Callable[[], object] = lambda: None,
) -> Plan:
    """Read every file once, and lay the distinct photos out; ids below `root` in any order, repetitions allowed.

    `resized` goes from a photo's (height, width) to that of the detector's input. Photos of the folder's earlier plan,
    `before`, keep the ids they are stored under; those with an id in `again` are tried again, whatever their files are
    now. `on_photo` is called as each id is done.

    Raises:
        FolderTakenError: A photo that was tried again is another file now, and is not to be tried once more.
    """
    chosen = {} if before is None else {photo.sha256: photo.image_id for photo in (*_begun(before), *before.photos())}

    def pack(files: Mapping[str, _File]) -> tuple[PlannedShard, ...]:
        return _pack(_batches(_photos(files, chosen), min(batch_size, shard_size), resized), shard_size)

    files, failures = _look_at_all(root, image_ids, on_photo)
    if before is None or not (again or before.begun):
        return Plan(pack(files), failures)
    return _retry(files, failures, before, again, pack)


def _retry(
    files: Mapping[str, _File], failures: tuple[Failure, ...], before: Plan, again: Set[str], pack: _Pack
) -> Plan:
    """The earlier plan, with the photos that are tried again in shards behind the others."""
    # As the plan was begun: an id that is tried again, or was before, counts as the file that it was then.
    first = {image_id: _file_of(photo) for photo in _begun(before) for image_id in photo.ids}
    last = {image_id: photo.sha256 for photo in before.photos() for image_id in photo.ids}
    retried = {image_id for shard in before.retried for image_id in ids_of(shard)}
    left = retried | (first.keys() - last.keys()) | again
    for image_id in sorted(left - again):
        if (files[image_id].sha256 if image_id in files else None) != last.get(image_id):
            fault = "is not the file that it was when it was tried again."
            if image_id not in files.keys() | {failure.image_id for failure in failures}:
                fault = "was tried again, and is not among the photos now: no post names it, or its file is gone."
            raise FolderTakenError(
                f"{image_id} {fault}",
                "Give --retry-failed if it had failed, or --overwrite to recreate the folder.",
            )
    as_begun = {image_id: file for image_id, file in files.items() if image_id not in left}
    begun = pack(as_begun | {image_id: first[image_id] for image_id in left & first.keys()})

    # Shards that hold nothing else are made afresh, so that what fails each time leaves one shard and not many.
    kept = [_without(shard, again) for shard in before.retried]
    while kept and not any(kept[-1]):
        del kept[-1]
    behind = (*kept, *pack({image_id: files[image_id] for image_id in again & files.keys()}))
    shards = (*(_without(shard, left) for shard in begun), *behind)
    return Plan(shards, failures, begun) if shards != begun else Plan(begun, failures)


def _begun(plan: Plan) -> Iterator[Photo]:
    return (photo for shard in plan.begun or plan.shards for batch in shard for photo in batch)


def _file_of(photo: Photo) -> _File:
    return _File(photo.sha256, photo.size, photo.bytes)


def ids_of(shard: PlannedShard) -> set[str]:
    """Every id of a shard's photos."""
    return {image_id for batch in shard for photo in batch for image_id in photo.ids}


def _without(shard: PlannedShard, image_ids: Set[str]) -> PlannedShard:
    """A shard without these ids, and without photos that have no other."""
    batches = []
    for batch in shard:
        kept = [(photo, [image_id for image_id in photo.ids if image_id not in image_ids]) for photo in batch]
        batches.append(tuple(replace(photo, image_id=ids[0], aliases=tuple(ids[1:])) for photo, ids in kept if ids))
    return tuple(batch for batch in batches if batch)


def _look_at_all(
    root: Path, image_ids: Iterable[str], on_photo: Callable[[], object]
) -> tuple[dict[str, _File], tuple[Failure, ...]]:
    files, failures = {}, []
    with ThreadPoolExecutor(_READERS) as pool:
        unique = sorted(set(image_ids))
        for image_id, seen in zip(unique, pool.map(lambda name: _look(root, name), unique), strict=True):
            on_photo()
            if isinstance(seen, str):
                failures.append(Failure(image_id.encode(errors="backslashreplace").decode(), seen))
            else:
                files[image_id] = seen
    return files, tuple(failures)


def _look(root: Path, image_id: str) -> _File | str:
    try:
        image_id.encode()
        data = read_bytes(root, image_id)
        return _File(digest(data), probe(data), len(data))
    except UnicodeEncodeError:
        return "the name is not valid Unicode"
    except ImageError as error:
        return str(error)


def _photos(files: Mapping[str, _File], chosen: Mapping[str, str]) -> list[Photo]:
    """Distinct photos, each under the id that is `chosen` for its hash, where it still has that, or its first by name.

    They come in the order of their first ids.
    """
    ids: dict[_File, list[str]] = defaultdict(list)
    for image_id, file in sorted(files.items()):
        ids[file].append(image_id)
    photos = []
    for file, names in ids.items():
        first = chosen.get(file.sha256)
        image_id = first if first in names else names[0]
        aliases = tuple(name for name in names if name != image_id)
        photos.append(Photo(image_id, file.sha256, file.size, file.bytes, aliases))
    return photos


def _batches(
    photos: list[Photo], batch_size: int, resized: Callable[[int, int], tuple[int, int]]
) -> Iterator[PhotoBatch]:
    buckets: dict[tuple[int, ...], list[Photo]] = defaultdict(list)
    for photo in photos:
        buckets[tuple(-(-side // GRID) for side in resized(*photo.size))].append(photo)
    for _, bucket in sorted(buckets.items()):
        # By hash: neither names nor the order of the posts can move a photo to another batch.
        bucket.sort(key=lambda photo: photo.sha256)
        for start in range(0, len(bucket), batch_size):
            yield tuple(bucket[start : start + batch_size])


def _pack(batches: Iterable[PhotoBatch], shard_size: int) -> tuple[PlannedShard, ...]:
    shards: list[list[PhotoBatch]] = []
    room = 0
    for batch in batches:
        if len(batch) > room:
            shards.append([])
            room = shard_size
        shards[-1].append(batch)
        room -= len(batch)
    return tuple(tuple(shard) for shard in shards)
