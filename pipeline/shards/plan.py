"""Which photo goes into which batch of which shard, as `plan.json` keeps it; `planning` decides it."""

import hashlib
import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dgf.pipeline.errors import UserError
from dgf.pipeline.files import read_record, write_record
from dgf.pipeline.shards.claim import PLAN
from dgf.pipeline.shards.marker import Failure, damaged_file, same_again

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

    Args:
        begun: The shards as they were first planned, where photos that had failed were tried again since: these left
            their batches, which had been computed without them, for shards behind the others.
    """

    shards: tuple[PlannedShard, ...]
    failures: tuple[Failure, ...] = ()
    begun: tuple[PlannedShard, ...] = ()

    @property
    def retried(self) -> tuple[PlannedShard, ...]:
        """The shards of photos that had failed."""
        return self.shards[len(self.begun) :] if self.begun else ()

    @property
    def sizes(self) -> tuple[int, ...]:
        """Photos of each shard."""
        return tuple(sum(map(len, shard)) for shard in self.shards)

    def photos(self) -> Iterator[Photo]:
        """Distinct photos in the order of the plan."""
        return (photo for shard in self.shards for batch in shard for photo in batch)

    def summary(self) -> dict[str, Any]:
        """What must be equal for two plans to give equal shards, as they were begun; the ids do not matter."""
        shards = self.begun or self.shards
        order = [[[(photo.sha256, photo.size) for photo in batch] for batch in shard] for shard in shards]
        count = sum(len(batch) for shard in shards for batch in shard)
        return {"count": count, "sha256": hashlib.sha256(json.dumps(order).encode()).hexdigest()}

    def save(self, folder: Path) -> None:
        """Write `plan.json`, atomically."""
        content = asdict(self)
        if not self.begun:  # plans without it stay what older versions write
            del content["begun"]
        write_record(folder / PLAN, {"version": 1, **content})

    @staticmethod
    def load(folder: Path) -> "Plan":
        """Read `plan.json`.

        Raises:
            UserError: It is not there or is broken.
        """
        path = folder / PLAN
        try:
            content = read_record(path)
            failures = tuple(Failure(**failure) for failure in content["failures"])
            return Plan(_shards(content["shards"]), failures, _shards(content.get("begun", ())))
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


def _shards(content: Iterable[Any]) -> tuple[PlannedShard, ...]:
    return tuple(tuple(tuple(map(_photo, batch)) for batch in shard) for shard in content)


def _photo(content: Mapping[str, Any]) -> Photo:
    height, width = content["size"]
    photo = Photo(content["image_id"], content["sha256"], (height, width), content["bytes"], tuple(content["aliases"]))
    if not all(isinstance(text, str) for text in (*photo.ids, photo.sha256)):
        raise ValueError("ids and sha256 must be text")
    if not all(type(number) is int for number in (height, width, photo.bytes)):
        raise ValueError("size and bytes must be whole numbers")
    return photo
