"""A data set of a few posts with feature shards and captions, made in a moment, to see that rows run."""

import json
from collections.abc import Iterator
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dgf.pipeline.shards import Layout, ShardFolder, ShardStats, make_plan, write_captions, write_features

RELATIONS = ("None", "/per/org/member_of", "/per/per/peer")
_SIZES = {"train": 24, "val": 3, "test": 3}
_OBJECTS, _REGIONS, _DIM = 4, 6, 8


def write_tiny_world(root: Path) -> dict[str, str]:
    """Write posts, photos, features and captions; return the values of the `data` section that name them."""
    posts, features, captions = (root / name for name in ("posts", "features", "captions"))
    posts.mkdir(parents=True)
    (posts / "relations.json").write_text(json.dumps({name: number for number, name in enumerate(RELATIONS)}))
    for split, count in _SIZES.items():
        (posts / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in _rows(posts, split, count)))
    _write_shards(posts, features, captions)
    return {"path": str(posts), "features": str(features), "captions": str(captions)}


def _rows(posts: Path, split: str, count: int) -> Iterator[dict[str, Any]]:
    """Posts that have the relations in turn, each with a photo of its own."""
    for number in range(count):
        image = f"{split}-{number}.png"
        Image.new("RGB", (8, 6), (10 * number, 255 - 10 * number, 30 * len(split))).save(posts / image)
        yield {
            "id": f"{split}:{number}",
            "tokens": ["Alice", "joins", "Club", str(number), "with", "Bob"],
            "head": {"text": "Alice", "span": [0, 1]},
            "tail": {"text": "Club", "span": [2, 3]},
            "image": image,
            "relation": RELATIONS[number % len(RELATIONS)],
        }


def _write_shards(posts: Path, features: Path, captions: Path) -> None:
    """Write shards with every array that shards can hold."""
    switches = {entry.name: True for entry in fields(Layout) if entry.type in (bool, "bool")}
    layout = Layout(objects=_OBJECTS, regions=_REGIONS, dim=_DIM, class_names=("cat", "dog"), **switches)
    plan = make_plan(
        posts,
        sorted(path.name for path in posts.glob("*.png")),
        resized=lambda h, w: (h, w),
        shard_size=64,
        batch_size=8,
    )
    photos = [photo for shard in plan.shards for batch in shard for photo in batch]
    names = [photo.image_id for photo in photos]
    arrays = _noise(layout, len(names))
    arrays["objects/count"][:], arrays["regions/count"][:] = _OBJECTS, _REGIONS
    arrays["image_size"][:] = (6, 8)
    arrays["objects/boxes"][:] = (0, 0, 4, 3)
    arrays["image_sha256"] = np.array([list(bytes.fromhex(photo.sha256)) for photo in photos], np.uint8)
    with ShardFolder.claim(features, {"kind": "features", "photos": plan.summary()}) as folder:
        plan.save(features)
        fill = partial(write_features, layout=layout, arrays=arrays)
        _commit(folder, partial(fill, image_ids=names, fingerprint=folder.fingerprint, versions={}), len(names))
    with ShardFolder.claim(captions, {"kind": "captions", "captioner": {}}) as folder:
        said = [f"a picture of {name}" for name in names]
        fill = partial(write_captions, captions=said, logprobs=np.zeros(len(names), np.float32))
        _commit(folder, partial(fill, image_ids=names, fingerprint=folder.fingerprint, versions={}), len(names))


def _noise(layout: Layout, photos: int) -> dict[str, NDArray[Any]]:
    rng = np.random.default_rng(0)
    return {
        name: rng.integers(0, 2, (photos, *shape)).astype(dtype)
        if np.issubdtype(dtype, np.integer)
        else rng.normal(size=(photos, *shape)).astype(dtype)
        for name, (dtype, shape) in layout.columns().items()
    }


def _commit(folder: ShardFolder, fill: Any, photos: int) -> None:
    marker = folder.commit(0, fill, ShardStats(photos))
    folder.write_manifest([marker], {"failures": [], "command": {}})
