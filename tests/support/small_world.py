"""A data set of a few posts with drawn photos, and finished folders of shards for it, made in a second."""

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from dgf.pipeline.shards import Layout, ShardFolder, ShardStats, make_plan, write_captions, write_features

RELATIONS = ("None", "/per/org/member_of", "/per/per/peer")
LAYOUT = Layout(objects=2, regions=3, dim=8, fc7=False, class_names=("cat", "dog"))
SIZES = {"train": 12, "val": 6, "test": 6}
TINY = (
    "language_model=random:gpt2?n_layer=1&n_embd=32&n_head=2",
    "model.prefix_hidden=8",
    "optim.batch_size=4",
    "optim.epochs=2",
)


def write_posts(root: Path, *, without: tuple[str, ...] = (), relations: Sequence[str] = RELATIONS) -> Path:
    """JSONL posts; post i of a split shows photo i // 2 of it, and has the relations in turn.

    `without` names photos that are not drawn.
    """
    root.mkdir(exist_ok=True)
    (root / "relations.json").write_text(json.dumps({name: i for i, name in enumerate(RELATIONS)}))
    for split, count in SIZES.items():
        rows = []
        for i in range(count):
            image = f"{split}-{i // 2}.png"
            if image not in without:
                Image.new("RGB", (8, 6), (20 * i, 255 - 20 * i, len(split) * 30)).save(root / image)
            rows.append(
                {
                    "id": f"{split}:{i}",
                    "tokens": ["Alice", "joins", "Club", str(i), "with", "Bob"],
                    "head": {"text": "Alice", "span": [0, 1]},
                    "tail": {"text": "Club", "span": [2, 3]},
                    "image": image,
                    "relation": relations[i % len(relations)],
                }
            )
        (root / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return root


def write_shards(
    posts: Path,
    features: Path,
    captions: Path | None = None,
    *,
    seed: int = 0,
    prefix: str = "",
    drawn_by: int | None = None,
    said: str = "a picture of",
    count: int = LAYOUT.objects,
    boxes: Sequence[Sequence[float]] | None = None,
) -> None:
    """Feature shards (and captions) of random numbers for every photo in the folder, known as `prefix` and its name.

    `drawn_by`, `said`, `count` (objects of a photo) and `boxes` (of each; it is 8 pixels wide, 6 high) change what the
    shards hold under the same settings.
    """
    images = sorted(prefix + path.name for path in posts.glob("*.png"))
    plan = make_plan(posts, images, shard_size=5, batch_size=2, resized=lambda h, w: (h, w))
    settings = {"kind": "features", "seed": seed, "photos": plan.summary()}
    rng = np.random.default_rng(seed if drawn_by is None else drawn_by)
    with ShardFolder.claim(features, settings) as folder:
        plan.save(features)
        markers = []
        for index, shard in enumerate(plan.shards):
            photos = [photo for batch in shard for photo in batch]
            ids = [photo.image_id for photo in photos]
            arrays = {
                name: rng.integers(0, 2, (len(ids), *shape)).astype(dtype)
                if np.issubdtype(dtype, np.integer)
                else rng.normal(size=(len(ids), *shape)).astype(dtype)
                for name, (dtype, shape) in LAYOUT.columns().items()
            }
            arrays["objects/count"][:] = count
            if boxes is not None:
                arrays["objects/boxes"][:] = boxes
            arrays["image_size"][:] = (6, 8)
            arrays["image_sha256"] = np.array([list(bytes.fromhex(photo.sha256)) for photo in photos], np.uint8)
            write = partial(
                write_features,
                layout=LAYOUT,
                image_ids=ids,
                arrays=arrays,
                fingerprint=folder.fingerprint,
                versions={},
            )
            markers.append(folder.commit(index, write, ShardStats(len(ids))))
        folder.write_manifest(markers, {"failures": [], "command": {}})
    if captions is None:
        return
    with ShardFolder.claim(captions, {"kind": "captions", "captioner": {}}) as folder:
        markers = []
        for index, shard in enumerate(plan.shards):
            ids = [photo.image_id for batch in shard for photo in batch]
            write = partial(
                write_captions,
                image_ids=ids,
                captions=[f"{said} {name}" for name in ids],
                logprobs=np.zeros(len(ids), np.float32),
                fingerprint=folder.fingerprint,
                versions={},
            )
            markers.append(folder.commit(index, write, ShardStats(len(ids))))
        folder.write_manifest(markers, {"failures": [], "command": {}})
