"""A trained run's answers for a whole data set, whose photos go into shards: in batches, by workers, to be kept."""

import logging
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dgf.pipeline.errors import FolderTakenError, UserError
from dgf.pipeline.jobs.base import WorkerPool
from dgf.pipeline.jobs.extraction_spec import FeatureSpec
from dgf.pipeline.photos import find_image
from dgf.pipeline.posts import Dataset, OnError, Post, are_part_of, read_dataset
from dgf.workflows.caption import caption
from dgf.workflows.config import TrainConfig
from dgf.workflows.data import OF_FILES, caption_files, open_corpus
from dgf.workflows.devices import choose_device
from dgf.workflows.extract import check_photos, extract
from dgf.workflows.predict.networks import boxes_of_run, captioner_spec, check_boxes_of_run, feature_spec, places_of
from dgf.workflows.predict.settings import PredictSettings
from dgf.workflows.scoring import answer
from dgf.workflows.training.run_folder import RunFolder

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WholeAnswers:
    """The answers for a data set, and what they leave out.

    Args:
        posts: Those that are answered.
        rows: What is said of each.
        text_only: How many of them are answered with nothing but text.
        captioned: Whether there were captions.
        skipped: Posts and rows that were left out.
        negative: The relation that means "no relation"; None where there is none.
    """

    posts: tuple[Post, ...]
    rows: tuple[dict[str, Any], ...]
    text_only: int
    captioned: bool
    skipped: tuple[str, ...]
    negative: str | None


def answer_whole(settings: PredictSettings, folder: RunFolder, config: TrainConfig) -> WholeAnswers:
    """Read all posts, extract and caption what they show in the way the run was trained on, then predict.

    Raises:
        UserError: If the run, the posts or the weights do not serve.
    """
    on_error = _on_error(settings)
    device = choose_device(settings.device)
    dataset = read_dataset(
        settings.posts,
        on_error=on_error,
        span_unit=settings.span_unit,
        with_relations=False,
        layout=settings.layout,
    )
    facts = folder.read_data()
    with _work_folder(settings.work) as work:
        workers = WorkerPool(str(device), settings.workers)
        files = _find_caption_files(settings, config, dataset, facts)
        with _as_work_folder(work):
            seen_by = _feature_spec(settings, config, facts)
            features, made = _see(settings, dataset, facts, seen_by, work, workers, captioned=bool(files))
        config = _for_posts(config, settings, on_error, features, tuple(map(str, files)) or made)
        corpus = open_corpus(config, dataset, device)
        posts = [replace(post, relation=None) for post in dataset.posts]
        answers = answer(
            folder,
            config,
            corpus,
            posts,
            device=device,
            batch_size=settings.batch_size,
            split="predict",
            explain=settings.explain,
        )
        rows = tuple(answers.rows(settings.top))
    placed = answers.split.placed
    skipped = (*placed.skipped, *(str(fault) for fault in dataset.faults))
    captioned, negative = corpus.captions is not None, answers.labels.negative
    return WholeAnswers(placed.posts, rows, placed.text_only, captioned, skipped, negative)


def _on_error(settings: PredictSettings) -> OnError:
    """What is done about a bad row: there is no line to answer it in where all are read first."""
    if settings.on_error == "answer":
        raise UserError(
            f"--on-error answer: {settings.posts} is read as a whole before the first answer",
            "Give --on-error stop or skip.",
        )
    return settings.on_error or "stop"


def _find_caption_files(
    settings: PredictSettings, config: TrainConfig, dataset: Dataset, facts: Mapping[str, Any]
) -> tuple[Path, ...]:
    """The files of captions of the posts' photos: those given, or the run's where the posts are its own data.

    A photo of another data set is another photo, whatever its name: it never gets a caption of the run's.

    Raises:
        UserError: The run reads captions from files, and there are none of these photos.
    """
    if settings.captions:
        if facts["captioner"] is None:
            raise UserError(f"{settings.run}: was trained without captions", "Leave out --captions.")
        if folder := next((path for path in settings.captions if path.is_dir()), None):
            raise UserError(f"--captions {folder}: is a folder", "Give files, one line a photo.")
        return settings.captions
    if not str(facts["captioner"]).startswith(OF_FILES):
        return ()
    if are_part_of(settings.posts, Path(config.data.path)):
        return caption_files(config.data)
    with_photo = next((post for post in dataset.posts if post.image_ids), None)
    if with_photo is not None and settings.missing_images == "error":
        raise UserError(
            f"{settings.run}: reads captions from files, and {settings.posts} is not the data that its own are of: "
            f"no caption for a photo such as {with_photo.image_ids[0]}",
            "Give --captions of these posts' photos, or --missing-images text-only to run them without.",
        )
    return ()


def _feature_spec(settings: PredictSettings, config: TrainConfig, facts: Mapping[str, Any]) -> FeatureSpec | None:
    """How the posts' photos are seen: as the run's own were, at boxes of theirs where those were; None for not at all.

    Raises:
        UserError: The run's objects are at boxes of a file and there is none of these photos, or it has changed, or the
            other way round.
    """
    own = boxes_of_run(facts)
    if settings.boxes is not None and own is None:
        raise UserError(f"{settings.run}: its objects were found by a detector", "Leave out --boxes.")
    if facts["extraction"] is None:
        return None
    spec = feature_spec(facts, places_of(settings))
    if settings.boxes is not None:
        return replace(spec, boxes=str(settings.boxes))
    if own is not None and not are_part_of(settings.posts, Path(config.data.path)):
        raise UserError(
            f"{settings.run}: its objects are at the boxes of {own}, and {settings.posts} is not the data they are of",
            "Give --boxes of these posts' photos.",
        )
    check_boxes_of_run(facts)
    return spec


def _see(
    settings: PredictSettings,
    dataset: Dataset,
    facts: Mapping[str, Any],
    seen_by: FeatureSpec | None,
    work: Path,
    workers: WorkerPool,
    *,
    captioned: bool,
) -> tuple[Path | None, Path | None]:
    """Features and captions of the posts' photos; none where the run has none or no photo is there.

    Photos that are `captioned` by files get no other captions.
    """
    strict, with_photo = settings.missing_images == "error", [post for post in dataset.posts if post.image_ids]
    if facts["extraction"] is None and facts["captioner"] is None and with_photo and strict:
        raise UserError(
            f"{settings.run}: was trained on text alone, and {len(with_photo)} posts show a photo",
            "Give --missing-images text-only to answer them from their text.",
        )
    if seen_by is None or not with_photo:
        return None, None
    if all(find_image(dataset, post) is None for post in with_photo):
        check_photos(dataset, settings.missing_images)
        return None, None
    features, captions = work / "features", work / "captions"
    extracted = extract(dataset, seen_by, features, workers, missing_images=settings.missing_images)
    if extracted.failures and strict:
        count, first = len(extracted.failures), extracted.failures[0]
        raise UserError(
            f"{dataset.root}: {count} photos cannot be used, such as {first.image_id}: {first.reason}",
            "Give --missing-images skip to leave such posts out, or text-only to answer them from their text.",
        )
    if not extracted.rows:  # every photo is broken
        return None, None
    if facts["captioning"] is None or captioned:
        return features, None
    caption(dataset, features, captioner_spec(facts, places_of(settings)), captions, workers)
    return features, captions


def _for_posts(
    config: TrainConfig,
    settings: PredictSettings,
    on_error: OnError,
    features: Path | None,
    captions: Path | tuple[str, ...] | None,
) -> TrainConfig:
    """The run's configuration with these posts as its data; their captions are their own, whatever it trained on."""
    data = replace(
        config.data,
        path=str(settings.posts),
        features=None if features is None else str(features),
        captions=str(captions) if isinstance(captions, Path) else captions,
        captions_of="own",
        types=None,
        graphs=None if features is None else _find_graphs(settings, config),
        span_unit=settings.span_unit,
        layout=settings.layout,
        missing_images=settings.missing_images,
        on_error=on_error,
        image_share=1.0,
    )
    return replace(config, data=data)


def _find_graphs(settings: PredictSettings, config: TrainConfig) -> str | None:
    """The file of scene graphs of these posts: what was given, or the run's own where they are its own data."""
    if settings.graphs is not None:
        return str(settings.graphs)
    if config.data.graphs is None or are_part_of(settings.posts, Path(config.data.path)):
        return config.data.graphs
    _log.warning(
        "warning: %s was trained on the scene graphs of %s; those of these posts are made of boxes (give --graphs)",
        settings.run,
        config.data.graphs,
    )
    return None


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
