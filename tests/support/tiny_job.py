"""An extraction job with two small real computations for networks, and photos for it: whole runs in a second.

As a module it is a driver: `python -m support.tiny_job ROOT OUT WORKERS` extracts every photo of ROOT; OUT may be an
address.
"""

import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from dgf.pipeline.detectors import Detections, Prepared
from dgf.pipeline.encoders import Blocks
from dgf.pipeline.jobs.base import Report, ShardContent, ShardJob, ShardResult, Turns
from dgf.pipeline.jobs.cluster import run_job
from dgf.pipeline.jobs.extraction import Extraction, Networks
from dgf.pipeline.shards import FC7, Layout, Plan, ShardFolder, make_plan
from dgf.pipeline.storage.address import Location, parse_location

LAYOUT = Layout(objects=3, regions=5, dim=6, fc7=True, class_names=("dark", "bright"))
Photo = npt.NDArray[np.uint8]


class TinyDetector:
    """Regions are quadrants and the whole; like a real detector's, the features depend on the batch's padded size."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds

    def prepare(self, photo: Photo) -> Prepared:
        return Prepared(photo[::2, ::2], (photo.shape[0], photo.shape[1]))

    def detect_prepared(self, batch: Sequence[Prepared]) -> list[Detections]:
        time.sleep(self.seconds)
        padded = sum(max(photo.pixels.shape[side] for photo in batch) for side in (0, 1)) + len(batch)
        return [self._detect(photo, padded) for photo in batch]

    def _detect(self, photo: Prepared, padded: int) -> Detections:
        height, width = photo.size
        wanted = 1 + int(photo.pixels.sum()) % 7  # from fewer than K to more than R
        boxes = np.array([[0, 0, width / (1 + i), height / (1 + i)] for i in range(wanted)], np.float32)
        mean = photo.pixels.reshape(-1, 3).mean(axis=0)
        features = np.stack([np.r_[mean, mean / (2 + i)] + padded for i in range(wanted)]).astype(np.float32)
        scores = np.linspace(0.9, 0.1, wanted, dtype=np.float32)
        classes = np.full(wanted, int(mean.mean() > 127), np.int32)
        return Detections(features, boxes, scores, classes)


class TinyVgg:
    def prepare(self, photo: Photo) -> Photo:
        return np.asarray(Image.fromarray(photo).resize((7, 7)))

    def extract_prepared(self, photos: Sequence[Photo]) -> Blocks:
        pixels = np.stack(photos).astype(np.float32).reshape(len(photos), 49, 3)
        blocks = np.repeat(pixels, 171, axis=2)[:, :, :512]
        return Blocks(blocks, np.tile(pixels[:, 0], (1, 1366))[:, :FC7])


@dataclass(frozen=True)
class TinySpec:
    """The tiny networks as a computation."""

    root: Location
    seconds: float = 0.0

    def describe(self) -> dict[str, object]:
        return {}

    def load(self, folder: ShardFolder, device: str) -> Extraction:
        networks = Networks(TinyDetector(self.seconds), TinyVgg(), LAYOUT)
        return Extraction(folder, folder.plan, self.root, networks, readers=2)


@dataclass(frozen=True)
class PoisonSpec:
    """The tiny computation, but the first `times` that `shard` is taken up, the process dies or the task raises."""

    tiny: TinySpec
    shard: int
    how: str
    times: int

    def describe(self) -> dict[str, object]:
        return {}

    def load(self, folder: ShardFolder, device: str) -> "Poison":
        return Poison(self.tiny.load(folder, device), self, folder)


class Poison:
    def __init__(self, extraction: Extraction, spec: PoisonSpec, folder: ShardFolder) -> None:
        self.extraction, self.spec, self.folder = extraction, spec, folder

    def compute(self, index: int, turns: Turns, report: Report) -> ShardContent:
        if index == self.spec.shard:
            for taken in range(self.spec.times):
                if self._first(taken):
                    if self.spec.how == "die":
                        (self.folder.path / ".part-deaddeaddead-shard-00000.h5").write_bytes(b"half")
                        os.kill(os.getpid(), 9)
                    raise RuntimeError("poisoned")
        return self.extraction.compute(index, turns, report)

    def _first(self, taken: int) -> bool:
        try:
            Path(str(self.spec.tiny.root), f"poison-{taken}").mkdir()
        except FileExistsError:
            return False
        return True


def paint(folder: Path, count: int, seed: int = 0, size: tuple[int, int] = (40, 60)) -> list[str]:
    """`count` distinct photos of a few shapes, and their ids."""
    random = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    names = []
    for number in range(count):
        height, width = (side * (1 + number % 3) for side in (size if number % 2 else size[::-1]))
        pixels = random.integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8).repeat(8, 0).repeat(8, 1)
        names.append(f"photo-{number:04d}.jpg")
        Image.fromarray(pixels).save(folder / names[-1])
    return names


def resized(height: int, width: int) -> tuple[int, int]:
    return height // 2, width // 2


def tiny_plan(root: Path, names: Sequence[str], shard_size: int = 6) -> Plan:
    return make_plan(root, names, shard_size=shard_size, batch_size=4, resized=resized)


@contextmanager
def claim_photos(root: Path, out: Location) -> Iterator[tuple[ShardFolder, Plan]]:
    """A folder claimed for the photos of `root`, with its plan in it."""
    plan = tiny_plan(root, sorted(path.name for path in root.glob("*.jpg")))
    with ShardFolder.claim(out, {"kind": "features", "photos": plan.summary()}) as folder:
        folder.save_plan(plan)
        yield folder, plan


def drive(
    root: Path,
    out: Location,
    workers: int = 0,
    scheduler: str | None = None,
    seconds: float = 0.0,
) -> list[ShardResult]:
    """What `workflows.extract` does, with the tiny networks."""
    results: list[ShardResult] = []
    with claim_photos(root, out) as (folder, plan):
        todo = [index for index in range(len(plan.shards)) if folder.committed(index) is None]
        job = ShardJob(folder, TinySpec(root, seconds))
        run_job(job, todo, workers=workers, scheduler=scheduler, on_result=results.append, per_worker=2)
    return results


if __name__ == "__main__":
    # Imported under its own name, so that the job's class is one that workers can import.
    from support import tiny_job

    tiny_job.drive(Path(sys.argv[1]), parse_location(sys.argv[2]), int(sys.argv[3]), seconds=0.1)
