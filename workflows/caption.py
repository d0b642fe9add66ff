"""From a folder of feature shards to a folder of caption shards."""

import logging
import time
from collections.abc import Mapping, Set
from dataclasses import asdict, dataclass
from pathlib import Path

from dgf.pipeline.captioners import NO_REGIONS, CaptionerSpec, is_random, read_caption_file
from dgf.pipeline.captioners.oscar import check_width
from dgf.pipeline.errors import UserError
from dgf.pipeline.jobs.base import ShardJob, WorkerPool
from dgf.pipeline.jobs.captioning import CaptioningSpec
from dgf.pipeline.jobs.driver import choose_threads, run_shards
from dgf.pipeline.posts import Dataset, plain_path, read_dataset
from dgf.pipeline.shards import SCHEMA, Failure, Layout, ShardFolder, read_layout, records_of
from dgf.pipeline.storage.address import Address, Location, whole_location
from dgf.pipeline.storage.photos import photos_address
from dgf.pipeline.storage.posts import bring_posts
from dgf.pipeline.weights import random_seed
from dgf.workflows.devices import choose_workers
from dgf.workflows.settings import CaptionSettings

CAPTIONS_AT_ONCE = {"cuda": 128, "cpu": 16}
"""Photos of a batch unless told otherwise."""

_HOW_TO_GET_ONE = (
    "Fetch an Oscar captioning checkpoint (the image captioning models in the model zoo of the Oscar repository), "
    "unpack it, and give its folder: --oscar DIR. Or --backend hf --model DIR (BLIP, ViT-GPT2), or --captions FILE "
    "with your own. --oscar random tries the way with words that mean nothing."
)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CaptionSummary:
    """The outcome of every photo.

    Args:
        out: Folder of the shards, or its address.
        photos: Photos that have features, `captioned` of them with a caption.
        computed: Rows done in this run.
        without_regions: Photos in which the detector found nothing: no caption, and no failure.
        failures: Photos without a caption for another reason, and why.
        named: Photos that the posts of the data set name, `found` of them among the features.
        unused: Captions of the user's file for photos that the features do not have.
        seconds: `total` of the run, and by stage of this run's shards.
    """

    out: Location
    photos: int
    captioned: int
    computed: int
    without_regions: tuple[str, ...]
    failures: tuple[Failure, ...]
    named: int
    found: int
    unused: int
    seconds: Mapping[str, float]


def caption_photos(settings: CaptionSettings) -> CaptionSummary:
    """Do what `dgf caption` was asked; see `caption`."""
    spec, workers = _captioner_spec(settings), choose_workers(settings)
    dataset = read_dataset(
        bring_posts(settings.data),
        on_error="skip",
        span_unit=settings.span_unit,
        with_relations=False,
        layout=settings.layout,
    )
    return caption(
        dataset,
        settings.features,
        spec,
        settings.out,
        workers,
        source=settings.data,
        batch_size=settings.batch_size,
        overwrite=settings.overwrite,
    )


def caption(
    dataset: Dataset,
    features: Location,
    spec: CaptionerSpec,
    out: Location,
    workers: WorkerPool,
    *,
    source: Location | None = None,
    batch_size: int | None = None,
    overwrite: bool = False,
) -> CaptionSummary:
    """Caption what is not yet captioned; a second call with the same arguments continues where the first ended.

    A `batch_size` of None is the device's usual; `overwrite` recreates a folder that was made with other settings.
    Where the posts were read from `source`, an address, the photos are there too.

    Raises:
        UserError: Anything in the weights or the folders that the user can fix.
    """
    started = time.perf_counter()
    # The features, and whether the captioner goes with them; nothing is written yet.
    if whole_location(out) == whole_location(features):
        raise UserError(f"--out {out} is the folder of features.", "Give captions a folder of their own.")
    shown = ShardFolder.open(_absolute(features), "features")
    plan = shown.plan
    known = {plain_path(image_id) for photo in plan.photos() for image_id in photo.ids}  # as posts have them
    named, found = _count_photos(dataset, features, known)
    layout = _read_layout(shown)
    if spec.backend == "oscar" and not is_random(spec):
        check_width(Path(spec.source), shown.path, layout.dim)
    unused = _count_unused(spec, known)
    warn_of_random_captions(spec)

    # The shards, in a folder that is ours while it lasts.
    kind = workers.device_kind
    batch_size = batch_size or CAPTIONS_AT_ONCE[kind]
    threads = choose_threads(workers, records_of(out), overwrite=overwrite)
    root = photos_address(source, dataset) if isinstance(source, Address) else dataset.image_root.absolute()
    computation = CaptioningSpec(shown, layout, root, spec, batch_size)
    settings = {
        "kind": "captions",
        "schema": SCHEMA,
        **computation.describe(),
        "features": shown.fingerprint,
        "batch_size": batch_size,
        "device": kind,
        "threads": threads if kind == "cpu" else None,
    }
    with ShardFolder.claim(_absolute(out), settings, overwrite=overwrite) as folder:
        _withdraw_outdated(folder, shown)
        done = run_shards(ShardJob(folder, computation, workers.device, threads), plan.sizes, workers, title="caption")
        captioned = done.rows - len(done.failures)
        folder.write_manifest(done.markers, {"captioned": captioned, "command": asdict(spec)})
    return CaptionSummary(
        out=out,
        photos=done.rows,
        captioned=captioned,
        computed=done.computed,
        without_regions=tuple(gap.image_id for gap in done.failures if gap.reason == NO_REGIONS),
        failures=tuple(gap for gap in done.failures if gap.reason != NO_REGIONS),
        named=named,
        found=found,
        unused=unused,
        seconds={**done.seconds, "total": time.perf_counter() - started},
    )


def _absolute(location: Location) -> Location:
    return location.absolute() if isinstance(location, Path) else location


def _withdraw_outdated(folder: ShardFolder, source: ShardFolder) -> None:
    """Have captions made again of feature shards that have other rows now, by `--retry-failed`."""
    for marker in folder.markers():
        shown = source.committed(marker.index)
        if shown is not None and shown.stats.rows != marker.stats.rows:
            folder.withdraw(marker.index)


def _count_photos(dataset: Dataset, features: Location, known: Set[str]) -> tuple[int, int]:
    """How many photos the posts name, and how many of these the features know; it is an error if there is none."""
    photos = {post.image_ids for post in dataset.posts if post.image_ids}
    found = sum(any(image_id in known for image_id in ids) for ids in photos)
    if not photos:
        raise UserError(f"{dataset.root}: no post names a photo.", "There is nothing to caption.")
    if not found:
        raise UserError(
            f"{features}: has none of the {len(photos)} photos that {dataset.root} names, such as {min(photos)[0]}",
            "Give the features of this data set: the --out of `dgf extract-features` with it.",
        )
    return len(photos), found


def _captioner_spec(settings: CaptionSettings) -> CaptionerSpec:
    """Which captioner was asked for; there is no default, since nothing is fetched unasked."""
    options = {"--oscar": settings.oscar, "--model": settings.model, "--captions": settings.captions}
    given = [name for name, value in options.items() if value is not None]
    if len(given) > 1:
        raise UserError(f"{' and '.join(given)} are different captioners.", "Give one of them.")
    if settings.captions is not None:
        return CaptionerSpec("file", str(settings.captions.absolute()))
    decoding = (settings.beams, settings.length, settings.precision)
    if settings.backend == "hf":
        if settings.model is None:
            raise UserError("--backend hf needs a model.", "Give its folder: --model DIR.")
        return CaptionerSpec("hf", str(settings.model.absolute()), *decoding)
    if settings.model is not None:
        raise UserError("--model is for --backend hf.", "Add --backend hf, or give --oscar DIR.")
    if settings.oscar is None:
        raise UserError("No captioner was given.", _HOW_TO_GET_ONE)
    located = settings.oscar if random_seed(settings.oscar) is not None else str(Path(settings.oscar).absolute())
    return CaptionerSpec("oscar", located, *decoding)


def _read_layout(features: ShardFolder) -> Layout:
    markers = features.finished()
    if not markers:
        raise UserError(f"{features.path} holds no photo.", "There is nothing to caption.")
    with features.open_shard(markers[0]) as file:
        return read_layout(file)


def _count_unused(spec: CaptionerSpec, known: Set[str]) -> int:
    """How many of the user's captions belong to no photo of the features; it is an error if all of them do."""
    if spec.backend != "file":
        return 0
    captions = read_caption_file(Path(spec.source))
    unused = len(captions.keys() - known)
    if unused == len(captions):
        raise UserError(
            f"{spec.source}: none of its image ids is one of the features', such as {next(iter(captions))}.",
            f"Ids are paths below the folder of the photos, such as {min(known)}.",
        )
    return unused


def warn_of_random_captions(spec: CaptionerSpec) -> None:
    """Log that a captioner has random weights."""
    if is_random(spec):
        _log.warning(
            "WARNING: Oscar's weights are RANDOM and its vocabulary is a small one made on the spot: "
            "these captions mean nothing, they only try the way"
        )
