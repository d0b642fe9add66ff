"""Which photos the posts of a data set name, which of them are there, and what a missing one was likely meant to be."""

import os
import unicodedata
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, takewhile
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from dgf.pipeline.packed import NO_FILE
from dgf.pipeline.photos.images import ImageError, resolve_photo
from dgf.pipeline.posts import IMAGE_FOLDER, Dataset, Post, show_pair

MAX_LISTED = 200_000
"""Files of a folder that are looked through for a name like the missing one."""

PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".gif", ".webp", ".bmp", ".tif", ".tiff")
"""Endings that are mistaken for one another."""


@dataclass(frozen=True, slots=True)
class NamedPhotos:
    """The photos that posts name.

    Args:
        found: Ids whose file is there.
        missing: Ids (the first of a post) whose file is not there.
        refused: Why, by id (the first of a post), where it leads outside the folder or to something not a file.
    """

    found: tuple[str, ...]
    missing: tuple[str, ...]
    refused: Mapping[str, str]


def find_photos(dataset: Dataset) -> NamedPhotos:
    """Look for every photo that a post names, each once."""
    found: dict[str, None] = {}
    missing: dict[str, None] = {}
    refused: dict[str, str] = {}
    for post in dataset.posts:
        if not post.image_ids:
            continue
        image_id = find_image(dataset, post)
        if image_id is not None:
            found[image_id] = None
        elif (reason := why_missing(dataset, post)) == NO_FILE:
            missing[post.image_ids[0]] = None
        else:
            refused[post.image_ids[0]] = reason
    return NamedPhotos(tuple(found), tuple(missing), refused)


def find_image(dataset: Dataset, post: Post) -> str | None:
    """Return the first of a post's ids that is a regular file inside the folder of the photos; None if none is."""
    for image_id in post.image_ids:
        try:
            resolve_photo(dataset.image_root, image_id)
        except ImageError:
            continue
        return image_id
    return None


def why_missing(dataset: Dataset, post: Post) -> str:
    """Say why `find_image` found nothing: the first reason that says more than that there is no such file."""
    reasons = []
    for image_id in post.image_ids:
        try:
            resolve_photo(dataset.image_root, image_id)
        except ImageError as error:
            reasons.append(str(error))
    return next((reason for reason in reasons if reason != NO_FILE), NO_FILE)


class NearPhotos:
    """The files of a data set's folder by what people mistake in a name: case, accents' form, %20, folder.

    Args:
        dataset: Its folder is listed once, when the first name is looked for.
    """

    def __init__(self, dataset: Dataset) -> None:
        self._root = dataset.image_root
        # The folder of the data set where that of the photos is missing, or has another name.
        self._folder = self._root if self._root.name != IMAGE_FOLDER else self._root.parent
        self._names: dict[str, list[str]] | None = None

    def nearest(self, image_ids: Sequence[str]) -> str | None:
        """Return the path of the file most like one of these ids, relative to the photos' folder where it is inside."""
        if self._names is None:
            self._names = self._list_files()
        names = self._names
        for image_id in image_ids:
            name = PurePosixPath(_folded(image_id.replace("\\", "/")))
            if found := names.get(name.name):
                return max(sorted(found), key=lambda path: _alike(PurePosixPath(_folded(path)), name))
        stems = (PurePosixPath(_folded(image_id.replace("\\", "/"))).stem for image_id in image_ids)
        return next((names[f"{stem}.*"][0] for stem in stems if f"{stem}.*" in names), None)

    def hint(self, image_ids: Sequence[str]) -> str:
        """Say which file was likely meant, with code points where the names look alike; nothing where none is near."""
        found = self.nearest(image_ids)
        if found is None:
            return ""
        alike = next((name for name in image_ids if _folded(name) == _folded(found) and name != found), None)
        return f" (there is {show_pair(alike, found)[1] if alike is not None and not found.isascii() else found})"

    def _list_files(self) -> dict[str, list[str]]:
        names: dict[str, list[str]] = defaultdict(list)
        files = (Path(folder, name) for folder, _, entries in os.walk(self._folder) for name in sorted(entries))
        for file in islice(files, MAX_LISTED):
            shown = str(file.relative_to(self._root) if file.is_relative_to(self._root) else file)
            folded = _folded(file.name)
            names[folded].append(shown)
            if PurePosixPath(folded).suffix in PHOTO_SUFFIXES:
                names[f"{PurePosixPath(folded).stem}.*"].append(shown)
        return names


def searched_folders(dataset: Dataset, image_ids: Sequence[str]) -> str:
    """Name the folders in which a photo of these ids was looked for."""
    folders = dict.fromkeys(str(PurePosixPath(image_id).parent) for image_id in image_ids)
    return ", ".join(str(dataset.image_root / folder) for folder in folders)


def _alike(one: PurePosixPath, other: PurePosixPath) -> int:
    """How many folders two paths end in alike."""
    pairs = zip(reversed(one.parts), reversed(other.parts), strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", unquote(name)).strip().casefold()
