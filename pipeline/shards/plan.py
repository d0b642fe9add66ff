"""Which photo goes into which batch of which shard: decided once, from the photos alone.

A detector pads the photos of a batch to a common size, which changes its output a little. So the batches are fixed
before anything runs: they depend on the photos' bytes and the settings, never on the order or number of posts, on
workers, or on what an interrupted run left over.
"""

import hashlib
import json
import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dgf.pipeline.errors import UserError
from dgf.pipeline.files import read_record, write_record
from dgf.pipeline.photos import ImageError, digest, probe, read_bytes
from dgf.pipeline.shards.claim import PLAN
from dgf.pipeline.shards.marker import Failure, damaged_file, same_again

GRID = 64
"""Photos whose network input agrees up to this many pixels in both directions may share a batch."""

_READERS = 4
"""Threads that read and hash."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Photo:
    """One distinct photo.

    Args:
        image_id: The id it is stored under: the first of its ids by name, or the one an earlier run chose.
        sha256: Of the file's bytes, hexadecimal.
        size: (height, width) in pixels, upright.
        bytes: Length of the file.
        aliases: Its other ids: files with the same bytes.
    """

    image_id: str
    sha256: str
    size: tuple[int, int]
    bytes: int
    aliases: tuple[str, ...] = ()

    @property
    def ids(self) -> tuple[str, ...]:
        """Every id."""
        return (self.image_id, *self.aliases)


PhotoBatch = tuple[Photo, ...]
PlannedShard = tuple[PhotoBatch, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """Distinct photos in batches in shards, and the ids whose file is not a photo, and why.

    Row i of a shard is its i-th photo that does not fail in the run.
    """

    shards: tuple[PlannedShard, ...]
    failures: tuple[Failure, ...] = ()

    @property
    def sizes(self) -> tuple[int, ...]:
        """Photos of each shard."""
        return tuple(sum(map(len, shard)) for shard in self.shards)

    def photos(self) -> Iterator[Photo]:
        """Distinct photos in the order of the plan."""
        return (photo for shard in self.shards for batch in shard for photo in batch)

    def summary(self) -> dict[str, Any]:
        """What must be equal for two plans to give equal shards; the ids do not matter."""
        order = [[[(photo.sha256, photo.size) for photo in batch] for batch in shard] for shard in self.shards]
        return {"count": sum(self.sizes), "sha256": hashlib.sha256(json.dumps(order).encode()).hexdigest()}

    def save(self, folder: Path) -> None:
        """Write `plan.json`, atomically."""
        write_record(folder / PLAN, {"version": 1, **asdict(self)})

    @staticmethod
    def load(folder: Path) -> "Plan":
        """Read `plan.json`.

        Raises:
            UserError: It is not there or is broken.
        """
        path = folder / PLAN
        try:
            content = read_record(path)
            shards = tuple(tuple(tuple(map(_photo, batch)) for batch in shard) for shard in content["shards"])
            return Plan(shards, tuple(Failure(**failure) for failure in content["failures"]))
        except FileNotFoundError as error:
            raise UserError(f"{path} is not there.", same_again("features")) from error
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise damaged_file(path, "features", f"cannot be read: {error}") from error

    @staticmethod
    def load_if_there(folder: Path) -> "Plan | None":
        """`load`, or None where the folder has no plan that can be read: photos are then planned again."""
        if not (folder / PLAN).exists():
            return None
        try:
            return Plan.load(folder)
        except UserError as error:
            _log.warning("%s; the photos are planned again", error.message)
            return None


def make_plan(
    root: Path,
    image_ids: Iterable[str],
    *,
    shard_size: int,
    batch_size: int,
    resized: Callable[[int, int], tuple[int, int]],
    before: Plan | None = None,
    on_photo: Callable[[], object] = lambda: None,
) -> Plan:
    """Read every file once, and lay the distinct photos out; ids below `root` in any order, repetitions allowed.

    `resized` goes from a photo's (height, width) to that of the detector's input. Photos of the folder's earlier plan,
    `before`, keep the ids they are stored under. `on_photo` is called as each id is done.
    """
    chosen = {photo.sha256: photo.image_id for photo in before.photos()} if before else {}
    ids: dict[str, list[str]] = defaultdict(list)
    sizes: dict[str, tuple[int, int, int]] = {}
    failures = []
    with ThreadPoolExecutor(_READERS) as pool:
        unique = sorted(set(image_ids))
        for image_id, seen in zip(unique, pool.map(lambda name: _look(root, name), unique), strict=True):
            on_photo()
            if isinstance(seen, str):
                failures.append(Failure(image_id.encode(errors="backslashreplace").decode(), seen))
            else:
                sha256, sizes[sha256] = seen[0], seen[1:]
                ids[sha256].append(image_id)
    photos = []
    for sha256, names in ids.items():
        first = chosen.get(sha256)
        image_id = first if first in names else names[0]
        aliases = tuple(name for name in names if name != image_id)
        height, width, length = sizes[sha256]
        photos.append(Photo(image_id, sha256, (height, width), length, aliases))
    return Plan(_pack(_batches(photos, min(batch_size, shard_size), resized), shard_size), tuple(failures))


def _look(root: Path, image_id: str) -> tuple[str, int, int, int] | str:
    try:
        image_id.encode()
        data = read_bytes(root, image_id)
        return digest(data), *probe(data), len(data)
    except UnicodeEncodeError:
        return "the name is not valid Unicode"
    except ImageError as error:
        return str(error)


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


def _photo(content: Mapping[str, Any]) -> Photo:
    height, width = content["size"]
    photo = Photo(content["image_id"], content["sha256"], (height, width), content["bytes"], tuple(content["aliases"]))
    if not all(isinstance(text, str) for text in (*photo.ids, photo.sha256)):
        raise ValueError("ids and sha256 must be text")
    if not all(type(number) is int for number in (height, width, photo.bytes)):
        raise ValueError("size and bytes must be whole numbers")
    return photo
