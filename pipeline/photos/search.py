"""Which photos the posts of a data set name, and which of them are there."""

from collections.abc import Mapping
from dataclasses import dataclass

from dgf.pipeline.photos.images import NO_FILE, ImageError, resolve_photo
from dgf.pipeline.posts import Dataset, Post


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
