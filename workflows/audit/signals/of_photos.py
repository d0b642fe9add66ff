"""What is known of photos beside their pixels: objects found in them, their size, whether they are there."""

from collections.abc import Mapping
from pathlib import Path

from dgf.pipeline.features import FeatureStore
from dgf.pipeline.photos import ImageError, find_image, probe, read_bytes
from dgf.pipeline.posts import Dataset, Post
from dgf.pipeline.shards import ShardFolder, read_rows, read_text
from dgf.workflows.audit.signals.base import NOTHING, Signal, number_signal

Size = tuple[int, int]


def shard_signals(features: Path, dataset: Dataset) -> list[Signal]:
    """Audit what stands in feature shards beside the features: numbers of objects, sizes, which photos are missing.

    Raises:
        UserError: The folder is missing, unfinished or damaged.
    """
    store, folder = FeatureStore.open(features), ShardFolder.open(features, "features")
    counts: dict[str, int] = {}
    sizes: dict[str, Size] = {}
    for marker in folder.finished():
        with folder.open_shard(marker) as file:
            ids = read_text(file, "image_id")
            counts |= dict(zip(ids, read_rows(file, "objects/count").tolist(), strict=True))
            sizes |= {
                image: (int(height), int(width))
                for image, (height, width) in zip(ids, read_rows(file, "image_size").tolist(), strict=True)
            }
    rows = {post.id: store.row(post.image_ids) for post in dataset.posts}
    there = {post: store.image_ids[row] for post, row in rows.items() if row >= 0}
    return [
        Signal("features: whether the photo is there", "features", {post: str(row >= 0) for post, row in rows.items()}),
        number_signal("features: how many objects", "objects", {post: counts[image] for post, image in there.items()}),
        *_size_signals({post: sizes[image] for post, image in there.items()}),
    ]


def file_signals(dataset: Dataset) -> list[Signal]:
    """Audit the sizes of photos where their files lie; none where not one is there."""
    known: dict[tuple[str, ...], Size | None] = {}
    for post in dataset.posts:
        if post.image_ids and post.image_ids not in known:
            known[post.image_ids] = _size(dataset, post)
    sizes = {post.id: size for post in dataset.posts if (size := known.get(post.image_ids)) is not None}
    if not sizes:
        return []
    usable = {post.id: "yes" if post.id in sizes else NOTHING for post in dataset.posts}
    return [Signal("photo: whether its file is there", "file", usable), *_size_signals(sizes)]


def _size(dataset: Dataset, post: Post) -> Size | None:
    image_id = find_image(dataset, post)
    try:
        return None if image_id is None else probe(read_bytes(dataset.image_root, image_id))
    except ImageError:
        return None


def _size_signals(sizes: Mapping[str, Size]) -> list[Signal]:
    return [
        Signal("photo: its exact size", "size", {post: f"{height} {width}" for post, (height, width) in sizes.items()}),
        number_signal("photo: how many pixels", "pixels", {post: h * w for post, (h, w) in sizes.items()}),
        number_signal(
            "photo: height by width", "shape", {post: round(100 * h / max(w, 1)) for post, (h, w) in sizes.items()}
        ),
    ]
