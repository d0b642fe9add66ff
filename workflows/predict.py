"""`dgf predict`: a trained run's answers for posts of one's own, photos and all."""

import json
import logging
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
from dgf.workflows.data import OF_FILES, caption_files, open_corpus, text_only_words
from dgf.workflows.demo.kept import find_run
from dgf.workflows.devices import choose_device
from dgf.workflows.extract import check_photos, extract
from dgf.workflows.scoring import answer, check_answers_place
from dgf.workflows.settings import PredictSettings
from dgf.workflows.training.run_folder import RunFolder

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PredictSummary:
    """The answers, and what they leave out; `lacking` says what the `text_only` ones of them are."""

    rows: tuple[Mapping[str, Any], ...]
    text_only: int
    lacking: str
    skipped: tuple[str, ...]


def predict_posts(settings: PredictSettings) -> PredictSummary:
    """Extract and caption what the posts show in the way the run was trained on, then predict.

    Raises:
        UserError: If the run, the posts or the weights do not serve.
    """
    settings = replace(settings, run=find_run(settings.run))
    folder = RunFolder(settings.run)
    config = folder.finished_config()
    _check_places(settings)
    device = choose_device(settings.device)
    dataset = read_dataset(
        settings.posts,
        on_error=settings.on_error,
        span_unit=settings.span_unit,
        with_relations=False,
        layout=settings.layout,
    )
    facts = folder.read_data()
    with _work_folder(settings.work) as work:
        workers = WorkerPool(str(device), settings.workers)
        files = _find_caption_files(settings, config, dataset, facts)
        with _as_work_folder(work):
            features, made = _see(settings, dataset, facts, work, workers, captioned=bool(files))
        config = _for_posts(config, settings, features, tuple(map(str, files)) or made)
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
        rows = tuple(answers.rows())
    if settings.out is not None:
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        write_atomic(settings.out, lines.encode())
    skipped = (*answers.split.placed.skipped, *(str(fault) for fault in dataset.faults))
    lacking = text_only_words(captions=corpus.captions is not None)
    return PredictSummary(rows, answers.split.placed.text_only, lacking, skipped)


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
    if _is_own_data(settings, config):
        return caption_files(config.data)
    with_photo = next((post for post in dataset.posts if post.image_ids), None)
    if with_photo is not None and settings.missing_images == "error":
        raise UserError(
            f"{settings.run}: reads captions from files, and {settings.posts} is not the data that its own are of: "
            f"no caption for a photo such as {with_photo.image_ids[0]}",
            "Give --captions of these posts' photos, or --missing-images text-only to run them without.",
        )
    return ()


def _see(
    settings: PredictSettings,
    dataset: Dataset,
    facts: Mapping[str, Any],
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
    if facts["extraction"] is None or not with_photo:
        return None, None
    if all(find_image(dataset, post) is None for post in with_photo):
        check_photos(dataset, settings.missing_images)
        return None, None
    # weights from another place; of a network that the run's features were made without, there is nothing to replace
    command = dict(facts["extraction"])
    for option in ("weights", "vgg_weights", "resnet_weights"):
        if option in command:
            command[option] = getattr(settings, option) or command[option]
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
    if facts["captioning"] is None or captioned:
        return features, None
    caption(dataset, features, _captioner(facts["captioning"], settings.oscar), captions, workers)
    return features, captions


def _captioner(command: Mapping[str, Any], source: str | None) -> CaptionerSpec:
    """The run's captioner, read from another place where one is named."""
    spec = CaptionerSpec(**command)
    if spec.backend == "file":
        raise UserError(
            "the run was trained on captions from a file, which new posts do not have",
            "Give --captions of the posts' photos.",
        )
    if source is None:
        return spec
    moved = replace(spec, source=source)
    return moved if is_random(moved) else replace(spec, source=str(Path(source).absolute()))


def _for_posts(
    config: TrainConfig, settings: PredictSettings, features: Path | None, captions: Path | tuple[str, ...] | None
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
        on_error=settings.on_error,
        image_share=1.0,
    )
    return replace(config, data=data)


def _find_graphs(settings: PredictSettings, config: TrainConfig) -> str | None:
    """The file of scene graphs of these posts: what was given, or the run's own where they are its own data."""
    if settings.graphs is not None:
        return str(settings.graphs)
    if config.data.graphs is None or _is_own_data(settings, config):
        return config.data.graphs
    _log.warning(
        "warning: %s was trained on the scene graphs of %s; those of these posts are made of boxes (give --graphs)",
        settings.run,
        config.data.graphs,
    )
    return None


def _is_own_data(settings: PredictSettings, config: TrainConfig) -> bool:
    """Whether the posts are what the run was trained on, or a file of it."""
    own, posts = Path(config.data.path).resolve(), settings.posts.resolve()
    return settings.posts.exists() and own in (posts, *posts.parents)


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
