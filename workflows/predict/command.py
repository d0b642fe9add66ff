"""`dgf predict`: posts of one's own in, answers out in the format that was asked for."""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dgf.pipeline.errors import UserError
from dgf.pipeline.faults import RowError, ShownWarnings
from dgf.pipeline.files import finish_part, part_file, remove_dead_parts
from dgf.pipeline.mentions import build_finder
from dgf.pipeline.posts import MentionFinder, find_dataset, stream_posts
from dgf.workflows.config import TrainConfig
from dgf.workflows.data import OF_FILES, text_only_words
from dgf.workflows.devices import choose_device
from dgf.workflows.predict.answer import Unanswered
from dgf.workflows.predict.answerer import PostAnswerer
from dgf.workflows.predict.formats import AnswerFormat, build_format
from dgf.workflows.predict.hub import locate_run
from dgf.workflows.predict.networks import boxes_of_run, places_of
from dgf.workflows.predict.photos import PhotoFolder, PostWithPhoto
from dgf.workflows.predict.settings import PredictSettings
from dgf.workflows.predict.stream import Given, answer_stream
from dgf.workflows.predict.through_shards import answer_whole
from dgf.workflows.scoring import check_answers_place
from dgf.workflows.training.run_folder import RunFolder

Write = Callable[[str], object]
"""Takes text that is to stand behind what it was given before."""

_FIX = (
    "Fix it, or leave such rows out with --on-error skip, such photos with --missing-images skip, or answer the latter "
    "from their text with text-only (`dgf validate` lists all faults)."
)
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class PredictSummary:
    """How many posts were answered, `text_only` of them with nothing but text, and how many were not.

    `unpaired` are those in which fewer than two mentions were found: of them nothing is asked.
    """

    answered: int = 0
    text_only: int = 0
    lacking: str = text_only_words(captions=False)
    unanswered: int = 0
    unpaired: int = 0


def predict_posts(settings: PredictSettings, write: Write, *, escaped: bool = False) -> PredictSummary:
    """Answer posts and write the answers, to `write` or to the file that the settings name; JSON may be `escaped`.

    JSONL is answered as it comes, with a window of posts in memory. A data set of several files, and what needs its
    posts together (captions, boxes or graphs in files, a folder of features to keep, workers), is read whole first.

    Raises:
        UserError: If the run, the posts or the weights do not serve, or no post could be answered.
    """
    settings = replace(settings, run=locate_run(settings.run))
    folder = RunFolder(settings.run)
    config = folder.finished_config()
    form = build_format(settings.format, escaped=escaped and settings.out is None)
    _check_places(settings, form)
    streams = _may_stream(settings, folder, config)
    with _output(settings.out, write) as output:
        output(form.begin())
        if streams:
            answerer = PostAnswerer(folder, config, choose_device(settings.device), places_of(settings))
            summary = answer_streamed(settings, answerer, form, output)
        else:
            summary = _answer_whole(settings, folder, config, form, output)
        output(form.end())
    return summary


def _may_stream(settings: PredictSettings, folder: RunFolder, config: TrainConfig) -> bool:
    """Whether each post can be answered alone."""
    facts = folder.read_data()
    together = settings.work, settings.workers, settings.captions, settings.graphs, config.data.graphs, settings.boxes
    of_files = str(facts["captioner"]).startswith(OF_FILES) or boxes_of_run(facts) is not None
    whole = any(together) or of_files or settings.posts.is_dir()
    if not whole and find_dataset(settings.posts, settings.layout).layout.name == "jsonl":
        return True
    if _all_pairs(settings):
        option = "--pairs all" if settings.mentions is None else f"--mentions {settings.mentions}"
        raise UserError(
            f"{option} goes with one JSONL file or standard input, and {settings.posts} is read as a whole here",
            "Give such a file, and leave out --work, --workers, --captions, --boxes and --graphs.",
        )
    return False


def _all_pairs(settings: PredictSettings) -> bool:
    """Whether every pair of a post's mentions is answered."""
    return settings.pairs == "all" or settings.mentions is not None


def answer_streamed(
    settings: PredictSettings, answerer: PostAnswerer, form: AnswerFormat, write: Write
) -> PredictSummary:
    """Answer the posts of one JSONL file as they come.

    Raises:
        UserError: The posts or the weights of networks for photos do not serve, or no post could be answered.
    """
    finder = None if settings.mentions is None else build_finder(settings.mentions)
    summary = PredictSummary(lacking=text_only_words(captions=answerer.captioned))
    first = ""
    answers = answer_stream(
        answerer,
        _read_posts(settings, finder, summary),
        batch_size=settings.batch_size,
        missing_images=settings.missing_images,
        explain=settings.explain,
        top=settings.top,
    )
    for given, outcome in answers:
        if isinstance(outcome, Unanswered):
            summary.unanswered += 1
            told = _tell_unanswered(outcome, settings, form, write)
            first = first or told
        elif isinstance(given, PostWithPhoto):
            summary.answered += 1
            summary.text_only += not outcome.shown
            if _is_wanted(outcome.row, settings, form, answerer.labels.negative):
                write(form.answer(given.post, outcome.row))
    if first and not summary.answered:
        faults = f"not one post could be answered ({summary.unanswered} fault(s); the first: {first})"
        raise UserError(f"{settings.posts}: {faults}", _FIX)
    if not (summary.answered or summary.unpaired):
        raise UserError(f"{settings.posts}: holds no row")
    return summary


def _read_posts(settings: PredictSettings, finder: MentionFinder | None, summary: PredictSummary) -> Iterator[Given]:
    """Read posts with what reads their photos, count those without a pair, log what may not mean what it says."""
    found = find_dataset(settings.posts, settings.layout)
    (split,) = found.files
    photos = PhotoFolder(found.photos)
    warnings = ShownWarnings(_log)
    lines = stream_posts(
        settings.posts, split, span_unit=settings.span_unit, all_pairs=_all_pairs(settings), finder=finder
    )
    for line in lines:
        for doubt in line.doubts:
            warnings.add(f"{settings.posts}:{line.line}: {doubt}")
        if isinstance(line.post, RowError):
            yield Unanswered(line.id, str(line.post), line.line)
        elif line.post is None:
            summary.unpaired += 1
        else:
            yield photos.show(line.post, line.found)
    warnings.finish()


def _tell_unanswered(fault: Unanswered, settings: PredictSettings, form: AnswerFormat, write: Write) -> str:
    """Do with a post that cannot be answered what was asked, and say where it is and why.

    Raises:
        UserError: It ends the command.
    """
    of_photo = fault.line is None
    told = f"post {fault.id}: {fault.error}" if of_photo else f"{settings.posts}:{fault.line}: {fault.error}"
    if settings.on_error == "stop" and not (of_photo and settings.missing_images == "skip"):
        raise UserError(told, _FIX)
    skipped = settings.on_error == "skip" or (of_photo and settings.missing_images == "skip")
    text = "" if skipped else form.unanswered(fault)
    if text:
        write(text)
    else:
        _log.info("%s  %s", "skipped" if skipped else "unanswered", told)
    return told


def _answer_whole(
    settings: PredictSettings, folder: RunFolder, config: TrainConfig, form: AnswerFormat, write: Write
) -> PredictSummary:
    found = answer_whole(settings, folder, config)
    for post, row in zip(found.posts, found.rows, strict=True):
        if _is_wanted(row, settings, form, found.negative):
            write(form.answer(post, row))
    for name in found.skipped:
        _log.info("skipped  %s", name)
    lacking = text_only_words(captions=found.captioned)
    return PredictSummary(len(found.rows), found.text_only, lacking, len(found.skipped))


def _is_wanted(row: Mapping[str, Any], settings: PredictSettings, form: AnswerFormat, negative: str | None) -> bool:
    """Whether an answer is written: all are, unless relations alone are wanted."""
    if settings.threshold is None and not form.graph:
        return True
    return row["relation"] != negative and bool(row["probability"] >= (settings.threshold or 0))


def _check_places(settings: PredictSettings, form: AnswerFormat) -> None:
    """Refuse an --out or a --work in whose place something else is."""
    posts, out, work = settings.posts, settings.out, settings.work
    if out is not None and not out.absolute().parent.is_dir():
        raise UserError(f"--out {out}: there is no folder {out.parent}", "Make it first.")
    if out is not None and out.exists() and posts.exists() and out.samefile(posts):
        raise UserError(f"--out {out}: holds the posts: it is not overwritten", "Name another --out.")
    if out is not None and not (form.first and _begins_with(out, form.first)):
        check_answers_place(out, "Name another --out.")
    if work is not None and work.exists() and not work.is_dir():
        raise UserError(f"--work {work}: is a file", "Name a folder.")


def _begins_with(file: Path, line: str) -> bool:
    """Whether the first line of a file is this one."""
    try:
        with file.open("rb") as stream:
            return stream.readline(len(line) + 2).rstrip(b"\n") == line.encode()
    except OSError:
        return False


@contextmanager
def _output(out: Path | None, write: Write) -> Iterator[Write]:
    """Where answers go: to `write`, or into a file that appears when all of them are there."""
    if out is None:
        yield write
        return
    remove_dead_parts(out.parent)
    with part_file(out) as part:
        with part.open("w", encoding="utf-8", errors="backslashreplace", newline="") as stream:
            yield stream.write
        finish_part(part, out)
