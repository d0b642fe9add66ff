"""How fast photos become committed shards, beside what the same networks do when everything is in their hands."""

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from dgf.pipeline.detectors import DetectorSpec, default_detector, input_size
from dgf.pipeline.encoders import EncoderSpec
from dgf.pipeline.jobs.base import ShardJob, use_threads
from dgf.pipeline.jobs.cluster import run_job
from dgf.pipeline.jobs.driver import usual_threads
from dgf.pipeline.jobs.extraction import Extraction, Networks
from dgf.pipeline.jobs.extraction_spec import FeatureSpec
from dgf.pipeline.photos import decode
from dgf.pipeline.shards import Plan, ShardFolder, make_plan
from dgf.workflows.devices import choose_device
from dgf.workflows.extract import PHOTOS_AT_ONCE

_PHOTO_SIZE = (600, 800)


def bench_extract(
    *,
    photos: int = 32,
    rounds: int = 2,
    detector: str | None = None,
    min_size: int | None = None,
    max_size: int | None = None,
    batch_size: int | None = None,
    shard_size: int = 16,
    device: str = "auto",
    threads: int | None = None,
    one_by_one: int = 8,
) -> dict[str, Any]:
    """Measure extraction, from JPEG files to committed shards, and its limit in turns.

    The limit is the same networks on the same batches, photos decoded and resized beforehand, nothing written.
    Networks are warmed up first; weights are random, which changes no time.

    Each side is measured `rounds` times on `photos` drawn JPEGs; the sums are compared. The plain loop takes
    `one_by_one` of them: read, decode, detector, VGG16, one after the other.

    Returns:
        Photos per second of extraction, of the limit and of the plain loop, and their ratios.
    """
    chosen = str(choose_device(device))
    batch = batch_size or PHOTOS_AT_ONCE[chosen.partition(":")[0]]
    threads = threads or usual_threads()
    detector = detector or default_detector()
    seen_by = DetectorSpec(detector, "random", min_size=min_size, max_size=max_size)
    with tempfile.TemporaryDirectory() as scratch:
        root, out = Path(scratch, "photos"), Path(scratch, "features")
        names = _draw_photos(root, photos)
        resized = input_size(seen_by).resized
        plan = make_plan(root, names, shard_size=shard_size, batch_size=batch, resized=resized)
        use_threads(threads)
        networks = FeatureSpec(seen_by, EncoderSpec(), objects=10).build_networks(chosen)
        ready = _prepare(root, plan, networks)
        _run_limit(networks, ready[:1])
        whole = limit = 0.0
        for _ in range(rounds):
            limit += _time(lambda: _run_limit(networks, ready))
            with ShardFolder.claim(out, {"kind": "features"}, overwrite=True) as folder:
                job = ShardJob(folder, _LoadedSpec(root, plan, networks), chosen, threads)
                whole += _time(partial(run_job, job, range(len(plan.shards)), per_worker=2))
        plain = _time(lambda: _run_one_by_one(root, names[:one_by_one], networks))
    per_second = {"runner": rounds * photos / whole, "limit": rounds * photos / limit, "plain": one_by_one / plain}
    return {
        "bench": "extract",
        "device": chosen,
        "detector": detector,
        "photos": photos,
        "batch": batch,
        "threads": threads,
        "photos_per_s": round(per_second["runner"], 3),
        "limit_photos_per_s": round(per_second["limit"], 3),
        "ratio": round(per_second["runner"] / per_second["limit"], 3),
        "one_by_one_photos_per_s": round(per_second["plain"], 3),
        "times_one_by_one": round(per_second["runner"] / per_second["plain"], 2),
    }


def _draw_photos(folder: Path, count: int) -> list[str]:
    """Distinct JPEGs of 800x600 with the detail of a photo; returns their names."""
    random = np.random.default_rng(0)
    height, width = _PHOTO_SIZE
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"{number:05d}.jpg" for number in range(count)]
    for name in names:
        coarse = Image.fromarray(random.integers(0, 256, (height // 25, width // 25, 3), dtype=np.uint8))
        pixels = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC)).astype(np.int16)
        grain = random.integers(-12, 13, (height, width, 1), dtype=np.int16)
        Image.fromarray((pixels + grain).clip(0, 255).astype(np.uint8)).save(folder / name, quality=90)
    return names


@dataclass(frozen=True)
class _LoadedSpec:
    """An extraction whose networks are loaded already."""

    root: Path
    plan: Plan
    networks: Networks

    def describe(self) -> dict[str, Any]:
        return {}

    def load(self, folder: ShardFolder, device: str) -> Extraction:
        return Extraction(folder, self.plan, self.root, self.networks)


def _prepare(root: Path, plan: Plan, networks: Networks) -> list[tuple[list[Any], list[Any]]]:
    batches = []
    for batch in (batch for shard in plan.shards for batch in shard):
        pixels = [decode((root / photo.image_id).read_bytes()) for photo in batch]
        batches.append(
            (
                [networks.detector.prepare(photo) for photo in pixels],
                [networks.encoder.prepare(photo) for photo in pixels],
            )
        )
    return batches


def _run_limit(networks: Networks, ready: Sequence[tuple[list[Any], list[Any]]]) -> None:
    for for_detector, for_encoder in ready:
        networks.detector.detect_prepared(for_detector)
        networks.encoder.extract_prepared(for_encoder)


def _run_one_by_one(root: Path, names: Sequence[str], networks: Networks) -> None:
    for name in names:
        pixels = decode((root / name).read_bytes())
        networks.detector.detect_prepared([networks.detector.prepare(pixels)])
        networks.encoder.extract_prepared([networks.encoder.prepare(pixels)])


def _time(run: Callable[[], None]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started
