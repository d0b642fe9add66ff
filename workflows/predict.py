"""`dgf predict`: a trained run's answers for posts of one's own, photos and all."""

import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dgf.pipeline.captioners import CaptionerSpec, is_random
from dgf.pipeline.errors import FolderTakenError, UserError
from dgf.pipeline.files import write_atomic
from dgf.pipeline.jobs.base import WorkerPool
from dgf.pipeline.jobs.extraction_spec import FeatureSpec
from dgf.pipeline.photos import find_image
from dgf.pipeline.posts import Dataset, read_dataset
from dgf.workflows.caption import caption
from dgf.workflows.config import TrainConfig
from dgf.workflows.data import OF_FILES, open_corpus
from dgf.workflows.devices import choose_device
from dgf.workflows.extract import check_photos, extract
from dgf.workflows.scoring import answer, check_answers_place
from dgf.workflows.settings import PredictSettings
from dgf.workflows.training.run_folder import RunFolder


@dataclass(frozen=True, slots=True)
class PredictSummary:
    """The answers, and what they leave out."""

    rows: tuple[Mapping[str, Any], ...]
    text_only: int
    skipped: tuple[str, ...]


def predict_posts(settings: PredictSettings) -> PredictSummary:
    """Extract and caption what the posts show in the way the run was trained on, then predict.

    Raises:
        UserError: If the run, the posts or the weights do not serve.
    """
    folder = RunFolder(settings.run)
    config = folder.finished_config()
    _check_places(settings)
    device = choose_device(settings.device)
    dataset = read_dataset(
        settings.posts, on_error=settings.on_error, span_unit=settings.span_unit, with_relations=False
    )
    facts = folder.read_data()
    with _work_folder(settings.work) as work:
        workers = WorkerPool(str(device), settings.workers)
        with _as_work_folder(work):
            features, captions = _see(settings, dataset, facts, work, workers)
        config = _for_posts(config, settings, features, captions, of_files=_is_of_files(facts))
        corpus = open_corpus(config, dataset, device)
        posts = [replace(post, relation=None) for post in dataset.posts]
        answers = answer(
            folder,
            config,
            corpus,
            posts,
            device=device,
            batch_size=settings.batch_size,
            title="predict",
            explain=settings.explain,
        )
        rows = tuple(answers.rows())
    if settings.out is not None:
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        write_atomic(settings.out, lines.encode())
    skipped = (*answers.split.placed.skipped, *(str(fault) for fault in dataset.faults))
    return PredictSummary(rows, answers.split.placed.text_only, skipped)


def _check_places(settings: PredictSettings) -> None:
    """Refuse an --out or a --work in whose place something else is."""
    posts, out, work = settings.posts, settings.out, settings.work
    if out is not None and not out.absolute().parent.is_dir():
        raise UserError(f"--out {out}: there is no folder {out.parent}", "Make it first.")
    if out is not None and out.exists() and posts.exists() and out.samefile(posts):
        raise UserError(f"--out {out}: holds the posts: it is not overwritten", "Name another --out.")
    if out is not None:
        check_answers_place(out, "Name another --out.")
    if work is not None and work.exists() and not work.is_dir():
        raise UserError(f"--work {work}: is a file", "Name a folder.")


def _see(
    settings: PredictSettings, dataset: Dataset, facts: Mapping[str, Any], work: Path, workers: WorkerPool
) -> tuple[Path | None, Path | None]:
    """Features and captions of the posts' photos; none where the run has none or no photo is there."""
    strict, with_photo = settings.missing_images == "error", [post for post in dataset.posts if post.image_ids]
    if facts["extraction"] is None and facts["captioner"] is None and with_photo and strict:
        raise UserError(
            f"{settings.run}: was trained on text alone, and {len(with_photo)} posts show a photo",
            "Give --missing-images text-only to answer them from their text.",
        )
    if facts["extraction"] is None or not with_photo:
        return None, None
    if all(find_image(dataset, post) is None for post in with_photo):
        check_photos(dataset, settings.missing_images)
        return None, None
    named = {"weights": settings.weights, "vgg_weights": settings.vgg_weights}
    command = {**facts["extraction"], **{option: name for option, name in named.items() if name is not None}}
    features, captions = work / "features", work / "captions"
    spec = FeatureSpec.of_command(command)
    extracted = extract(dataset, spec, features, workers, missing_images=settings.missing_images)
    if extracted.failures and strict:
        count, first = len(extracted.failures), extracted.failures[0]
        raise UserError(
            f"{dataset.root}: {count} photos cannot be used, such as {first.image_id}: {first.reason}",
            "Give --missing-images skip to leave such posts out, or text-only to answer them from their text.",
        )
    if not extracted.rows:  # every photo is broken
        return None, None
    if facts["captioning"] is None:
        return features, None
    caption(dataset, features, _captioner(facts["captioning"], settings.oscar), captions, workers)
    return features, captions


def _is_of_files(facts: Mapping[str, Any]) -> bool:
    """Whether the run read its captions from files."""
    return str(facts["captioner"]).startswith(OF_FILES)


def _captioner(command: Mapping[str, Any], source: str | None) -> CaptionerSpec:
    """The run's captioner, read from another place where one is named."""
    spec = CaptionerSpec(**command)
    if spec.backend == "file":
        raise UserError(
            "the run was trained on captions from a file, which new posts do not have",
            "Extract and caption the posts, and use `dgf eval RUN --data POSTS --features ... --captions ...`.",
        )
    if source is None:
        return spec
    moved = replace(spec, source=source)
    return moved if is_random(moved) else replace(spec, source=str(Path(source).absolute()))


def _for_posts(
    config: TrainConfig, settings: PredictSettings, features: Path | None, captions: Path | None, *, of_files: bool
) -> TrainConfig:
    """The run's configuration with these posts as its data; a run on captions `of_files` looks for theirs there."""
    made = None if captions is None else str(captions)
    data = replace(
        config.data,
        path=str(settings.posts),
        features=None if features is None else str(features),
        captions=config.data.captions if of_files else made,
        types=None,
        span_unit=settings.span_unit,
        missing_images=settings.missing_images,
        on_error=settings.on_error,
        image_share=1.0,
    )
    return replace(config, data=data)


@contextmanager
def _as_work_folder(work: Path) -> Iterator[None]:
    """Say of a folder that other posts or options made what can be done here."""
    try:
        yield
    except FolderTakenError as error:
        raise UserError(error.message, f"Give another --work, or none: {work} keeps what other posts made.") from error


@contextmanager
def _work_folder(work: Path | None) -> Iterator[Path]:
    if work is not None:
        work.mkdir(parents=True, exist_ok=True)
        yield work
        return
    with tempfile.TemporaryDirectory(prefix="dgf-predict-") as temporary:
        yield Path(temporary)
