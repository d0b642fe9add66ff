"""From a data set's photos to a folder of feature shards."""

import logging
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from dgf.pipeline.detectors import DetectorSpec, default_detector, input_size, read_boxes
from dgf.pipeline.encoders import DEFAULT, VGG16, EncoderSpec
from dgf.pipeline.encoders.resnet import ResNetSpec
from dgf.pipeline.errors import UserError
from dgf.pipeline.jobs.base import JobPart, ShardJob, WorkerPool
from dgf.pipeline.jobs.driver import choose_threads, run_shards
from dgf.pipeline.jobs.extraction_spec import ExtractionSpec, FeatureSpec
from dgf.pipeline.jobs.given import check_boxes
from dgf.pipeline.photos import NamedPhotos, NearPhotos, find_photos, searched_folders
from dgf.pipeline.posts import Dataset, Fault, read_dataset
from dgf.pipeline.precision import check_precision
from dgf.pipeline.progress import photo_bar
from dgf.pipeline.shards import (
    GRID,
    Failure,
    Plan,
    ShardFolder,
    clear_retried,
    find_failed,
    make_plan,
    records_of,
    standing_failures,
)
from dgf.pipeline.storage.address import Address, Location
from dgf.pipeline.storage.photos import bring_named, photos_address
from dgf.pipeline.storage.posts import bring_posts
from dgf.pipeline.weights import random_seed
from dgf.workflows.devices import choose_workers
from dgf.workflows.settings import ExtractSettings, MissingImages

PHOTOS_AT_ONCE = {"cuda": 16, "cpu": 4}
"""Photos of a batch unless told otherwise."""

_MOST_NAMED = 5
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ExtractSummary:
    """The outcome of every photo.

    Args:
        out: Folder of the shards, or its address.
        posts: Rows read; `faults` are those that were skipped.
        named: Different photo ids that were found; `missing` are those that name no file.
        tried: Of the named photos, those that had no features and were tried again, `recovered` of them with success;
            None where that was not asked for.
        photos: Distinct photos by content.
        unfinished: Shards that other parts have yet to make.
        rows: Photos that have features, `computed` of them in this run; `failures` have none.
        seconds: Of this run's shards, by stage, and `total` of the whole run.
    """

    out: Location
    posts: int
    named: int
    tried: int | None
    recovered: int
    photos: int
    unfinished: int
    rows: int
    computed: int
    failures: tuple[Failure, ...]
    missing: tuple[str, ...]
    faults: tuple[Fault, ...]
    seconds: Mapping[str, float]


def extract_photos(settings: ExtractSettings) -> ExtractSummary:
    """Do what `dgf extract-features` was asked; see `extract`."""
    _check_together(settings)
    part = None if settings.part is None else JobPart.parse(settings.part)
    wanted = {"--weights": settings.weights}
    if settings.encoder == VGG16:
        wanted["--vgg-weights"] = settings.vgg_weights
    if settings.pyramid:
        wanted["--resnet-weights"] = settings.resnet_weights
    elif settings.resnet_weights is not None:
        raise UserError("--resnet-weights is given, and no pyramids are asked for.", "Add --pyramid, or leave it out.")
    if lacking := [option for option, given in wanted.items() if given is None]:
        raise UserError(
            f"No weights were given: {lacking[0]} is missing.",
            "Give `default` for the published ones (fetched once), a file, or `random` to try the way.",
        )
    sizes = (settings.regions, settings.min_size, settings.max_size)
    assert settings.weights is not None
    workers = choose_workers(settings)
    # A CPU computes in float32 unless told otherwise, in folders too that say nothing of it.
    as_ever = settings.precision == "float32" and workers.device_kind == "cpu"
    precision = None if as_ever else settings.precision
    detector = DetectorSpec(settings.detector or default_detector(), settings.weights, *sizes, precision)
    given = settings.vgg_weights if settings.encoder == VGG16 else settings.encoder_weights
    encoder = EncoderSpec(settings.encoder, given or DEFAULT, settings.fc7, precision)
    resnet = None if settings.resnet_weights is None else ResNetSpec(settings.resnet_weights, precision)
    boxes = None if settings.boxes is None else str(settings.boxes)
    spec = FeatureSpec(detector, encoder, settings.top_k, settings.damaged, resnet, boxes)
    posts = bring_posts(settings.data)
    return extract(
        read_dataset(posts, on_error=settings.on_error, span_unit=settings.span_unit, layout=settings.layout),
        spec,
        settings.out,
        workers,
        source=settings.data,
        shard_size=settings.shard_size,
        batch_size=settings.batch_size,
        missing_images=settings.missing_images,
        part=part,
        retry_failed=settings.retry_failed,
        overwrite=settings.overwrite,
    )


def _check_together(settings: ExtractSettings) -> None:
    """Refuse options that would undo one another, or cannot be had at an address."""
    if settings.part is not None and isinstance(settings.out, Address):
        raise UserError(
            "--part shares a folder by a lock, which an address does not have.",
            "Give a folder of a file system that the parts share, or one run with --scheduler.",
        )
    given = [name for name in ("part", "retry_failed", "overwrite") if getattr(settings, name)]
    if len(given) > 1:
        names = " and ".join(f"--{name.replace('_', '-')}" for name in given)
        raise UserError(f"{names} do not go together.", "Give one of them: the last two are of the whole folder.")
    ours, other = ("--vgg-weights", "--encoder-weights"), (settings.vgg_weights, settings.encoder_weights)
    if settings.encoder == VGG16:
        ours, other = ours[::-1], other[::-1]
    if other[0] is not None:
        raise UserError(f"{ours[0]} is given, and the encoder is {settings.encoder}.", f"Its weights are {ours[1]}.")


def extract(
    dataset: Dataset,
    spec: FeatureSpec,
    out: Location,
    workers: WorkerPool,
    *,
    source: Location | None = None,
    shard_size: int = 256,
    batch_size: int | None = None,
    missing_images: MissingImages = "error",
    part: JobPart | None = None,
    retry_failed: bool = False,
    overwrite: bool = False,
) -> ExtractSummary:
    """Extract what is not yet extracted; a second call with the same arguments continues where the first ended.

    A `batch_size` of None is the device's usual; where this is a `part`, other runs do the rest; `retry_failed` also
    tries photos again that the folder has recorded as failed or missing; `overwrite` recreates a folder that was made
    with other settings. Where the posts were read from `source`, an address, the photos are there too.

    Raises:
        UserError: Anything in the data, the weights or the folder that the user can fix.
    """
    started = time.perf_counter()
    # Which photos there are, and which networks; nothing is written yet.
    root: Location = dataset.image_root.absolute()
    if isinstance(source, Address):
        root = photos_address(source, dataset)
        with photo_bar("fetch", len({post.image_ids for post in dataset.posts if post.image_ids})) as bar:
            dataset = bring_named(root, dataset, lambda: bar.update(1))
    wanted = check_photos(dataset, missing_images)
    computation = ExtractionSpec(root, spec)
    described = computation.describe()
    if workers.scheduler is None:  # the workers of a scheduler look at their own devices
        check_precision(spec.detector.precision, workers.device)
    warn_of_random_weights(spec)

    # Which photo goes into which batch of which shard. An earlier plan decides the ids that photos are stored under.
    kind = workers.device_kind
    batch_size = batch_size or PHOTOS_AT_ONCE[kind]
    records = records_of(out)
    before = None if overwrite else Plan.load_if_there(records)
    again = find_failed(out, (post.image_ids for post in dataset.posts)) if retry_failed else frozenset()
    with photo_bar("hash", len(wanted.found)) as bar:
        plan = make_plan(
            dataset.image_root,
            wanted.found,
            shard_size=shard_size,
            batch_size=batch_size,
            resized=input_size(spec.detector).resized,
            before=before,
            again=again,
            on_photo=lambda: bar.update(1),
        )

    if spec.boxes is not None:
        _compare_boxes(Path(spec.boxes), plan)

    # The shards, in a folder that is ours while it lasts.
    threads = choose_threads(workers, records, overwrite=overwrite)
    settings = {
        **described,
        "batches": {"size": batch_size, "shard": shard_size, "grid": GRID},
        "device": kind,
        "threads": threads if kind == "cpu" else None,
        "photos": plan.summary(),
    }
    where = out.absolute() if isinstance(out, Path) else out
    with ShardFolder.claim(where, settings, overwrite=overwrite, together=part is not None) as folder:
        if before is not None:
            if Plan.load_if_there(folder.path) != before:
                raise UserError(f"{out}: another run planned photos here meanwhile", "Give the same command again.")
            clear_retried(folder, before, plan, again)
        folder.save_plan(plan)
        job = ShardJob(folder, computation, workers.device, threads)
        done = run_shards(job, plan.sizes, workers, title="extract", per_worker=2, part=part)
        refused = (Failure(*item) for item in wanted.refused.items())
        standing = standing_failures(plan, done.markers)
        failures = sorted((*refused, *standing), key=lambda failure: failure.image_id)
        more = {"photos": sum(plan.sizes), "failures": [asdict(failure) for failure in failures]}
        unfinished = len(plan.shards) - len(done.markers)
        if not unfinished:  # parts that end at once may both find it so, and write the same
            folder.write_manifest(done.markers, {**more, "missing": list(wanted.missing), "command": spec.command})
    tried = again & {*wanted.found, *wanted.missing, *wanted.refused}
    without = {failure.image_id for failure in failures}
    having = {image_id for photo in plan.photos() if photo.image_id not in without for image_id in photo.ids}
    return ExtractSummary(
        out=out,
        posts=len(dataset.posts),
        named=len(wanted.found),
        tried=len(tried) if retry_failed else None,
        recovered=len(tried & having),
        photos=sum(plan.sizes),
        unfinished=unfinished,
        rows=done.rows,
        computed=done.computed,
        failures=tuple(failures),
        missing=wanted.missing,
        faults=dataset.faults,
        seconds={**done.seconds, "total": time.perf_counter() - started},
    )


def _compare_boxes(path: Path, plan: Plan) -> None:
    """See that a file's boxes are of the photos of a plan, and log how many of both go without the other."""
    file = read_boxes(path)
    lacking, unused = check_boxes(file, plan.photos())
    if lacking:
        photos = sum(plan.sizes)
        _log.warning("warning: %s has no line of %d of the %d photos: they have no objects", path, lacking, photos)
    if unused:
        _log.warning("warning: %d lines of %s are of none of these photos", unused, path)


def check_photos(dataset: Dataset, missing_images: MissingImages) -> NamedPhotos:
    """Look for the photos that posts name.

    Raises:
        UserError: Some are not there and that is an error: says which files are like them and where they were looked
            for; or no post names a photo.
    """
    wanted = find_photos(dataset)
    if wanted.missing and missing_images == "error":
        near = NearPhotos(dataset)
        of_first = {post.image_ids[0]: post.image_ids for post in dataset.posts if post.image_ids}
        shown = [image_id + near.hint(of_first[image_id]) for image_id in wanted.missing[:_MOST_NAMED]]
        more = ", ..." if len(wanted.missing) > _MOST_NAMED else ""
        raise UserError(
            f"{dataset.root}: {len(wanted.missing)} photos that posts name are not there: {', '.join(shown)}{more}\n"
            f"  looked for in {searched_folders(dataset, of_first[wanted.missing[0]])}",
            "Put them there, or give --missing-images skip (leave such posts out) or text-only (do without).",
        )
    if not wanted.found and not wanted.refused and not wanted.missing:
        raise UserError(f"{dataset.root}: no post names a photo.", "There is nothing to extract.")
    return wanted


def warn_of_random_weights(spec: FeatureSpec) -> None:
    """Log which networks have random weights."""
    encoder = "VGG16" if spec.encoder.spec == VGG16 else f"encoder {spec.encoder.spec}"
    named = {"detector": spec.detector.weights, encoder: spec.encoder.weights}
    if spec.resnet is not None:
        named["ResNet-50"] = spec.resnet.weights
    for name, weights in named.items():
        if random_seed(weights) is not None:
            _log.warning(
                "WARNING: the weights of the %s are RANDOM: these features mean nothing, they only try the way", name
            )
