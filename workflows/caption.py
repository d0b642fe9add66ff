"""From a folder of feature shards to a folder of caption shards."""

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from dgf.pipeline.captioners import NO_REGIONS, CaptionerSpec, describe_captioner, is_random, read_caption_file
from dgf.pipeline.captioners.oscar import check_width
from dgf.pipeline.errors import UserError
from dgf.pipeline.jobs.captioning import CaptionJob, open_features
from dgf.pipeline.jobs.cluster import tell_stderr
from dgf.pipeline.posts.dataset import read_dataset
from dgf.pipeline.shards.commit import (
    MANIFEST,
    SETTINGS,
    Failure,
    claim,
    committed,
    fingerprint,
    shard_name,
    write_manifest,
)
from dgf.pipeline.shards.plan import Plan
from dgf.pipeline.shards.schema import SCHEMA, Layout, read_layout
from dgf.pipeline.weights import random_seed
from dgf.workflows.settings import CaptionSettings
from dgf.workflows.shard_run import folder_threads, run_shards, shard_device

BATCH_SIZES = {"cuda": 128, "cpu": 16}
FETCH = (
    "Fetch an Oscar captioning checkpoint (the image captioning models in the model zoo of the Oscar repository), "
    "unpack it, and give its folder: --oscar DIR. Or --backend hf --model DIR (BLIP, ViT-GPT2), or --captions FILE "
    "with your own. --oscar random tries the way with words that mean nothing."
)


@dataclass(frozen=True, slots=True)
class CaptionSummary:
    """What became of every photo.

    Args:
        out: Folder of the shards.
        photos: Photos that have features.
        captioned: Of these, with a caption.
        computed: Rows done in this run.
        without_regions: Photos in which the detector found nothing: no caption, and no failure.
        failures: Photos without a caption for another reason, and why.
        unused: Captions of the user's file for photos that the features do not have.
        seconds: `total` of the run, and by stage of this run's shards.
    """

    out: Path
    photos: int
    captioned: int
    computed: int
    without_regions: tuple[str, ...]
    failures: tuple[Failure, ...]
    unused: int
    seconds: Mapping[str, float]


def caption(settings: CaptionSettings) -> CaptionSummary:
    """Captions what is not yet captioned; a second call with the same settings goes on where the first ended.

    Raises:
        UserError: Anything in the settings, the data or the folders that the user can mend.
    """
    started = time.perf_counter()
    spec = _spec(settings)
    device, kind = shard_device(settings)
    root = read_dataset(settings.data, on_error="skip").image_root.absolute()
    features, out = settings.features.absolute(), settings.out.absolute()
    if out == features:
        raise UserError(f"--out {settings.out} is the folder of features.", "Give captions a folder of their own.")
    features_fingerprint, plan, layout = _features(features)
    if spec.backend == "oscar" and not is_random(spec):
        check_width(Path(spec.source), settings.features, layout.dim)
    unused = _unused(spec, plan)
    _say_random(spec)
    batch_size = settings.batch_size or BATCH_SIZES[kind]
    threads = folder_threads(settings, kind)
    claimed = {
        "kind": "captions",
        "schema": SCHEMA,
        "captioner": describe_captioner(spec),
        "features": features_fingerprint,
        "batch_size": batch_size,
        "device": kind,
        "threads": threads if kind == "cpu" else None,
    }
    job = CaptionJob(features, out, root, spec, layout, batch_size, threads, claimed)
    with claim(out, claimed, overwrite=settings.overwrite) as claimed_fingerprint:
        results = run_shards(settings, job, plan, claimed_fingerprint, device=device, title="caption")
        markers = [
            marker for index in range(len(plan.shards)) if (marker := committed(out, index, claimed_fingerprint))
        ]
        gaps = sorted(
            (failure for marker in markers for failure in marker.stats.failures), key=lambda gap: gap.image_id
        )
        rows = sum(marker.stats.rows for marker in markers)
        write_manifest(out, "captions", markers, {"captioned": rows - len(gaps), "command": asdict(spec)})
    return CaptionSummary(
        out=settings.out,
        photos=rows,
        captioned=rows - len(gaps),
        computed=sum(result.rows for result in results),
        without_regions=tuple(gap.image_id for gap in gaps if gap.reason == NO_REGIONS),
        failures=tuple(gap for gap in gaps if gap.reason != NO_REGIONS),
        unused=unused,
        seconds={stage: sum(result.seconds[stage] for result in results) for stage in ("read", "compute", "write")}
        | {"total": time.perf_counter() - started},
    )


def _spec(settings: CaptionSettings) -> CaptionerSpec:
    """Which captioner was asked for; there is no default, since nothing is fetched unasked."""
    given = [
        name
        for name, value in (("--oscar", settings.oscar), ("--model", settings.model), ("--captions", settings.captions))
        if value is not None
    ]
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
        raise UserError("No captioner was given.", FETCH)
    if random_seed(settings.oscar) is not None:
        return CaptionerSpec("oscar", settings.oscar, *decoding)
    return CaptionerSpec("oscar", str(Path(settings.oscar).absolute()), *decoding)


def _features(folder: Path) -> tuple[str, Plan, Layout]:
    """Fingerprint, plan and sizes of a finished folder of features."""
    extract = f"Run `dgf extract-features DATA --out {folder}` until it ends."
    try:
        settings = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{folder} is no folder of features: {SETTINGS} cannot be read.", extract) from error
    if not isinstance(settings, dict) or settings.get("kind") != "features":
        raise UserError(f"{folder} does not hold features.", extract)
    plan, made_with = Plan.load(folder), fingerprint(settings)
    for index in range(len(plan.shards)):
        if committed(folder, index, made_with) is None:
            raise UserError(f"{folder} is not finished: {shard_name(index)} is not there or not whole.", extract)
    if not (folder / MANIFEST).is_file():
        raise UserError(f"{folder} is not finished: {MANIFEST} is not there.", extract)
    if not plan.shards:
        raise UserError(f"{folder} holds no photo.", "There is nothing to caption.")
    with open_features(folder / f"{shard_name(0)}.h5") as file:
        return made_with, plan, read_layout(file)


def _unused(spec: CaptionerSpec, plan: Plan) -> int:
    """How many of the user's captions belong to no photo of the plan; it is an error if all of them do."""
    if spec.backend != "file":
        return 0
    captions = read_caption_file(Path(spec.source))
    known = {image_id for photo in plan.photos() for image_id in photo.ids}
    unused = len(captions.keys() - known)
    if unused == len(captions):
        raise UserError(
            f"{spec.source}: none of its image ids is one of the features', such as {next(iter(captions))}.",
            f"Ids are paths below the folder of the photos, such as {min(known)}.",
        )
    return unused


def _say_random(spec: CaptionerSpec) -> None:
    if is_random(spec):
        tell_stderr(
            "WARNING: Oscar's weights are RANDOM and its vocabulary is a small one made on the spot: "
            "these captions mean nothing, they only try the way"
        )
