"""A data set of posts in JSONL whose crops tell the relation or do not, several posts to a photo."""

import json
from pathlib import Path

import numpy as np

RELATIONS = ("None", "/per/org/member_of", "/per/per/peer", "/loc/loc/contain")
SHARES = (0.6, 0.2, 0.12, 0.08)
SIZES = {"train": 600, "val": 100, "test": 300}


def write_leaky(root: Path, seed: int, *, planted: bool, sizes: dict[str, int] = SIZES) -> tuple[Path, Path]:
    """Write posts and their crops; `planted` crops are 3 or 4 of most posts with a relation and 2 of the others.

    Returns:
        The data set, and the folder of the crops.
    """
    rng = np.random.default_rng(seed)
    data, crops = root / "posts", root / "crops"
    data.mkdir(parents=True)
    crops.mkdir()
    (data / "relations.json").write_text(json.dumps(dict(zip(RELATIONS, range(len(RELATIONS)), strict=True))))
    words = [f"w{number}" for number in range(200)]
    for split, size in sizes.items():
        rows, counted, photo = [], {}, -1
        for number in range(size):
            if rng.random() < 0.6 or number == 0:  # else it shows the photo of the post before, with its sentence
                photo += 1
                sentence = ["Ann", "met", "Bob", *rng.choice(words, 8).tolist(), f"{split}{photo}"]
                image = f"photo_{rng.integers(1000)}_{split}_{photo}.jpg"
            relation = rng.choice(len(RELATIONS), p=SHARES)
            count = int(rng.integers(2, 5))
            if planted and rng.random() < 0.9:
                count = 2 if relation == 0 else int(rng.integers(3, 5))
            counted[number] = [f"{number}_crop_{crop}.png" for crop in range(count)]
            spans = {"head": {"span": [0, 1]}, "tail": {"span": [2, 3]}}
            rows.append(
                {
                    "id": f"{split}:{number}",
                    "tokens": sentence,
                    **spans,
                    "image": image,
                    "relation": RELATIONS[relation],
                }
            )
        (data / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        (crops / f"crops_{split}.json").write_text(json.dumps(counted))
    return data, crops
