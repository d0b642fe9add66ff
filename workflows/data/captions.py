"""Captions of photos by row: from the shards of `dgf caption`, or from files that give one line a photo."""

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dgf.pipeline.captioners import CAPTION_FORM, caption_lines
from dgf.pipeline.errors import UserError
from dgf.pipeline.faults import FaultLog, RowError
from dgf.pipeline.features import FeatureStore
from dgf.pipeline.files import canonical_digest, file_digest
from dgf.pipeline.posts import Post, split_name
from dgf.pipeline.shards import ShardFolder, fingerprint_of
from dgf.workflows.config import DataConfig
from dgf.workflows.data.examples import Ints

OF_FILES = "files:"
"""Begins the fingerprint of captions from files: what wrote them is not known, only what they say."""

_SPLITS = ("train", "val", "test")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CaptionTable:
    """Captions by row, and the row of each post's.

    Args:
        texts: By row; "" where there is none.
        captioner: Fingerprint of what wrote them; of files, of what they say.
        names: Row by split and image id, as files give them (the split is "" where a file is of no one split); None
            where the rows are those of the feature store.
    """

    texts: tuple[str, ...]
    captioner: str
    names: Mapping[tuple[str, str], int] | None = None

    def find(self, split: str, posts: Sequence[Post], image_rows: Ints) -> Ints:
        """(n,) row of each post's caption, -1 where there is none; `image_rows` are those of the feature store."""
        rows = image_rows if self.names is None else np.array([self._row(split, post) for post in posts], np.int64)
        told = np.array([*map(bool, self.texts), False])  # one more answers for row -1
        return np.where(told[rows], rows, -1)

    def _row(self, split: str, post: Post) -> int:
        names = self.names or {}
        keys = (key for image_id in post.image_ids for key in self._keys(split, image_id))
        return next((names[key] for key in keys if key in names), -1)

    def _keys(self, split: str, image_id: str) -> Iterator[tuple[str, str]]:
        """Under what a photo may stand in the files, the surest first."""
        yield "", image_id
        yield split, image_id
        if split not in _SPLITS:  # posts of one's own: any split's photo of that name, where there is one caption of it
            names = self.names or {}
            alike = {self.texts[names[key]]: key for other in _SPLITS if (key := (other, image_id)) in names}
            yield from alike.values() if len(alike) == 1 else ()
        folder, _, name = image_id.rpartition("/")
        if folder in _SPLITS:  # photos of MNRE lie in a folder of their split, and its captions leave it out
            yield folder, name
            yield "", name


def caption_folder(data: DataConfig) -> Path | None:
    """The folder of caption shards that a configuration names; None where it names none, or files.

    Raises:
        UserError: It is named beside other captions, or without the features that its captions belong to.
    """
    named = _named(data)
    folder = next((path for path in named if path.is_dir()), None)
    if folder is not None and len(named) > 1:
        raise UserError(f"{folder}: a folder of captions beside other captions", "Give the folder alone, or files.")
    if folder is not None and not data.features:
        raise UserError(
            f"--captions {folder} needs --features: captions belong to the photos in the feature shards",
            "Captions in files (one line a photo) need none.",
        )
    return folder


def caption_files(data: DataConfig) -> tuple[Path, ...]:
    """The files of captions that a configuration names."""
    return () if caption_folder(data) is not None else _named(data)


def open_captions(data: DataConfig, store: FeatureStore | None) -> CaptionTable | None:
    """Read the captions that a configuration names; None where it names none.

    Raises:
        UserError: They cannot be read.
    """
    folder = caption_folder(data)
    if folder is not None and store is not None:
        captioner = fingerprint_of(ShardFolder.open(folder, "captions").settings["captioner"])
        return CaptionTable(tuple(store.captions(range(len(store)))), captioner)
    files = caption_files(data)
    return read_caption_files(files) if files else None


def read_caption_files(files: Sequence[Path]) -> CaptionTable:
    """Read captions, one line a photo; a file called `BLIP_train.txt`, say, is of the split train.

    Raises:
        UserError: Names the lines that are not captions, or that give a photo another caption than an earlier line.
    """
    texts: list[str] = []
    places: list[str] = []
    names: dict[tuple[str, str], int] = {}
    log = FaultLog(files[0])
    for file in files:
        split = _split_of(file)
        for line, image_id, text in caption_lines(file, log):
            with log.at(file, line):
                row = names.setdefault((split, image_id), len(texts))
                if row == len(texts):
                    texts.append(text)
                    places.append(f"{file}:{line}")
                elif texts[row] != text:
                    raise RowError(f"{image_id} has another caption in {places[row]}: keep one of them")
    log.finish("stop", CAPTION_FORM)
    captioner = OF_FILES + canonical_digest(sorted(map(file_digest, files)))
    return CaptionTable(tuple(texts), captioner, names)


def check_captioned(table: CaptionTable, found: Mapping[str, tuple[Sequence[Post], Ints]], data: DataConfig) -> None:
    """Count the photos that have a caption, and say so; refuse files of which none is of a photo of these posts.

    Args:
        table: Captions from files.
        found: Posts of each split, and the rows of their captions.
        data: Names the files and the data set.

    Raises:
        UserError: No post has a caption, and posts without a photo are not allowed.
    """
    matched = 0
    for split, (posts, rows) in found.items():
        shown = {post.image_ids: row >= 0 for post, row in zip(posts, rows, strict=True) if post.image_ids}
        matched += sum(shown.values())
        _log.info("%s: captions for %d of the %d photos that its posts show", split, sum(shown.values()), len(shown))
    example = next((post.image_ids[0] for posts, _ in found.values() for post in posts if post.image_ids), None)
    if example is None or matched or data.missing_images != "error":
        return
    there = next(iter(table.names or {}), ("", "no photo at all"))[1]
    raise UserError(
        f"{', '.join(map(str, _named(data)))}: no caption for a photo that posts of {data.path} show, such as "
        f"{example}; there is one for {there}",
        "Give --captions of these posts' photos, or --missing-images text-only to run them on text.",
    )


def _named(data: DataConfig) -> tuple[Path, ...]:
    given = data.captions or ()
    return tuple(map(Path, (given,) if isinstance(given, str) else given))


def _split_of(file: Path) -> str:
    """The split that a file's name says, at its end or before a dot, as in `BLIP_train.txt`; "" where it says none."""
    ends = (re.split(r"[\W_]+", part.strip())[-1] for part in file.name.split("."))
    return next((split for end in ends if (split := split_name(end)) in _SPLITS), "")
