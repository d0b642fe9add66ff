"""From a data set's photos to a folder of feature shards."""

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from dgf.pipeline.detectors import DetectorSpec, describe_detector, input_size
from dgf.pipeline.errors import UserError
from dgf.pipeline.jobs.cluster import tell_stderr
from dgf.pipeline.jobs.extraction import ExtractJob
from dgf.pipeline.photos.images import find_image, why_missing
from dgf.pipeline.posts.base import Dataset, Fault
from dgf.pipeline.posts.dataset import read_dataset
from dgf.pipeline.shards.commit import Failure, claim, committed, write_manifest
from dgf.pipeline.shards.plan import GRID, PLAN, Plan, make_plan
from dgf.pipeline.shards.schema import SCHEMA
from dgf.pipeline.vgg import VggSpec, describe_vgg
from dgf.pipeline.weights import random_seed
from dgf.workflows.settings import ExtractSettings
from dgf.workflows.shard_run import folder_threads, run_shards, shard_device

BATCH_SIZES = {"cuda": 16, "cpu": 4}
SHOWN = 5
REPEATED = ("detector", "weights", "vgg_weights", "fc7", "top_k", "regions", "min_size", "max_size")
"""Options that the manifest keeps, so that `dgf predict` can extract new photos in the same way."""


@dataclass(frozen=True, slots=True)
class ExtractSummary:
    """What became of every photo.

    Args:
        out: Folder of the shards.
        posts: Rows read.
        named: Different photo ids that were found.
        photos: Distinct photos by content.
        rows: Photos that have features.
        computed: Of these, in this run.
        failures: Photos without features, and why.
        missing: Ids that name no file.
        faults: Rows of the data set that were skipped.
        seconds: Of this run's shards, by stage, and `total` of the whole run.
    """

    out: Path
    posts: int
    named: int
    photos: int
    rows: int
    computed: int
    failures: tuple[Failure, ...]
    missing: tuple[str, ...]
    faults: tuple[Fault, ...]
    seconds: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Wanted:
    """The photos that the posts name.

    Args:
        found: Ids whose file is there.
        missing: Ids (the first of a post) whose file is not there.
        failures: Ids that are refused, and why.
    """

    found: tuple[str, ...]
    missing: tuple[str, ...]
    failures: tuple[Failure, ...]


def extract(settings: ExtractSettings) -> ExtractSummary:
    """Extracts what is not yet extracted; a second call with the same settings goes on where the first ended.

    Raises:
        UserError: Anything in the settings, the data or the folder that the user can mend.
    """
    started = time.perf_counter()
    detector, vgg = _specs(settings)
    device, kind = shard_device(settings)
    dataset = read_dataset(settings.data, on_error=settings.on_error)
    wanted = find_photos(dataset)
    _check_missing(settings, wanted)
    described = {"detector": describe_detector(detector), "vgg": describe_vgg(vgg)}
    _say_random(settings)
    plan = _plan(settings, dataset, wanted, detector, kind)
    threads = folder_threads(settings, kind)
    claimed = {
        "kind": "features",
        "schema": SCHEMA,
        **described,
        "objects": settings.top_k,
        "batches": {"size": _batch_size(settings, kind), "shard": settings.shard_size, "grid": GRID},
        "device": kind,
        "threads": threads if kind == "cpu" else None,
        "photos": plan.summary(),
    }
    root, out = dataset.image_root.absolute(), settings.out.absolute()
    job = ExtractJob(root, out, detector, vgg, settings.top_k, threads, claimed)
    with claim(out, claimed, overwrite=settings.overwrite) as fingerprint:
        plan.save(out)
        results = run_shards(settings, job, plan, fingerprint, device=device, title="extract", per_worker=2)
        markers = [marker for index in range(len(plan.shards)) if (marker := committed(out, index, fingerprint))]
        failures = (
            *wanted.failures,
            *plan.failures,
            *(failure for marker in markers for failure in marker.stats.failures),
        )
        summary = ExtractSummary(
            out=settings.out,
            posts=sum(len(posts) for posts in dataset.splits.values()),
            named=len(wanted.found),
            photos=sum(1 for _ in plan.photos()),
            rows=sum(marker.stats.rows for marker in markers),
            computed=sum(result.rows for result in results),
            failures=tuple(sorted(failures, key=lambda failure: failure.image_id)),
            missing=wanted.missing,
            faults=dataset.faults,
            seconds={
                stage: sum(result.seconds[stage] for result in results)
                for stage in ("read", "wait", "compute", "write")
            }
            | {"total": time.perf_counter() - started},
        )
        write_manifest(
            out,
            "features",
            markers,
            {
                "photos": summary.photos,
                "failures": [{"image_id": f.image_id, "reason": f.reason} for f in summary.failures],
                "missing": list(summary.missing),
                "command": {name: _located(getattr(settings, name)) for name in REPEATED},
            },
        )
    return summary


def find_photos(dataset: Dataset) -> Wanted:
    """Every photo that a post names, each once: there, missing, or refused (its path leads outside, is a folder)."""
    found: dict[str, None] = {}
    missing: dict[str, None] = {}
    failures: dict[str, str] = {}
    for post in (post for posts in dataset.splits.values() for post in posts if post.image_ids):
        image_id = find_image(dataset, post)
        if image_id is not None:
            found[image_id] = None
        elif (reason := why_missing(dataset, post)) == "no such file":
            missing[post.image_ids[0]] = None
        else:
            failures[post.image_ids[0]] = reason
    return Wanted(tuple(found), tuple(missing), tuple(Failure(*item) for item in failures.items()))


def _specs(settings: ExtractSettings) -> tuple[DetectorSpec, VggSpec]:
    if not 1 <= settings.top_k <= settings.regions:
        raise UserError(
            f"--top-k {settings.top_k}: the objects are the best of the {settings.regions} regions",
            "Give a number between 1 and --regions.",
        )
    if settings.weights is None or settings.vgg_weights is None:
        raise UserError(
            f"No weights were given: {'--weights' if settings.weights is None else '--vgg-weights'} is missing.",
            "Give `default` for the published ones (fetched once), a file, or `random` to try the way.",
        )
    detector = DetectorSpec(settings.detector, settings.weights, settings.regions, settings.min_size, settings.max_size)
    return detector, VggSpec(settings.vgg_weights, settings.fc7)


def _check_missing(settings: ExtractSettings, wanted: Wanted) -> None:
    if wanted.missing and settings.missing_images == "error":
        shown = ", ".join(wanted.missing[:SHOWN]) + (", ..." if len(wanted.missing) > SHOWN else "")
        raise UserError(
            f"{settings.data}: {len(wanted.missing)} photos that posts name are not there: {shown}",
            "Put them there, or give --missing-images skip (leave such posts out) or text-only (train without).",
        )
    if not wanted.found and not wanted.failures and not wanted.missing:
        raise UserError(f"{settings.data}: no post names a photo.", "There is nothing to extract.")


def _say_random(settings: ExtractSettings) -> None:
    for name, weights in (("detector", settings.weights), ("VGG16", settings.vgg_weights)):
        if weights is not None and random_seed(weights) is not None:
            tell_stderr(
                f"WARNING: the weights of the {name} are RANDOM: these features mean nothing, they only try the way"
            )


def _plan(settings: ExtractSettings, dataset: Dataset, wanted: Wanted, detector: DetectorSpec, kind: str) -> Plan:
    before = Plan.load(settings.out) if (settings.out / PLAN).exists() and not settings.overwrite else None
    with _bar(len(wanted.found), "hash") as bar:
        return make_plan(
            dataset.image_root,
            wanted.found,
            shard_size=settings.shard_size,
            batch_size=_batch_size(settings, kind),
            resized=input_size(detector).resized,
            before=before,
            on_photo=lambda: bar.update(1),
        )


def _located(value: Any) -> Any:
    """A file by its whole path, so that it is found from elsewhere too; anything else as it is."""
    return str(Path(value).absolute()) if isinstance(value, str) and Path(value).is_file() else value


def _batch_size(settings: ExtractSettings, kind: str) -> int:
    return settings.batch_size or BATCH_SIZES[kind]


def _bar(total: int, name: str) -> "tqdm[Any]":
    return tqdm(total=total, desc=name, unit=" photos", file=sys.stderr, mininterval=0.5)
