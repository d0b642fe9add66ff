"""How far two folders of features of the same photos agree: `python -m support.agreement ONE OTHER`."""

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torchvision.ops import box_iou

from dgf.pipeline.shards import ShardFolder, read_rows, read_text

Rows = dict[str, dict[str, NDArray[np.generic]]]


@dataclass(frozen=True)
class Agreement:
    """`matched`: share of one folder's objects that have a box of the other with an IoU of at least 0.9.

    `objects`: cosine of the features of each such pair; `blocks`: of each photo's blocks.
    """

    matched: float
    objects: NDArray[np.float32]
    blocks: NDArray[np.float32]


def compare(one: Path, other: Path) -> Agreement:
    ours, theirs = read(one), read(other)
    assert ours.keys() == theirs.keys()
    pairs, total = [], 0
    for name, row in ours.items():
        match, count = theirs[name], int(row["objects/count"])
        overlap = box_iou(*(torch.from_numpy(r["objects/boxes"][: int(r["objects/count"])]) for r in (row, match)))
        total += count
        for index, (best, at) in enumerate(zip(*overlap.max(1), strict=True)):
            if best >= 0.9:
                pairs.append(cosine(row["objects/features"][index], match["objects/features"][int(at)]))
    blocks = [cosine(row["image/blocks"].ravel(), theirs[name]["image/blocks"].ravel()) for name, row in ours.items()]
    return Agreement(len(pairs) / total, np.array(pairs), np.array(blocks))


def read(path: Path) -> Rows:
    rows: Rows = {}
    folder = ShardFolder.open(path, "features")
    for marker in folder.finished():
        with folder.open_shard(marker) as file:
            names = ("objects/count", "objects/boxes", "objects/features", "image/blocks")
            columns = {name: read_rows(file, name) for name in names}
            for index, image_id in enumerate(read_text(file, "image_id")):
                rows[image_id] = {name: column[index] for name, column in columns.items()}
    return rows


def cosine(one: NDArray[np.generic], other: NDArray[np.generic]) -> float:
    a, b = one.astype(np.float64), other.astype(np.float64)
    return float(a @ b / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-12))


if __name__ == "__main__":
    found = compare(Path(sys.argv[1]), Path(sys.argv[2]))
    print(f"boxes matched {found.matched:.4f}")
    for name in ("objects", "blocks"):
        values = getattr(found, name)
        print(f"cosine of {name}: mean {values.mean():.5f}, lowest {values.min():.5f}, of {len(values)}")
