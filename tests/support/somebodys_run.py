"""A run over a language model, posts and types that lie on somebody's disk, with a relation that could be markup."""

import json
from pathlib import Path

from dgf.workflows.config import resolve_config
from dgf.workflows.train import TrainSettings, train
from support.hf_models import gpt2
from support.small_world import RELATIONS, SIZES, TINY, write_posts

HOSTILE = "</code>|`**b**` [x](http://evil.example) <img src=x> www.evil.example $$a$$ ---"
"""Name of a relation that would be markup, and end the cell of a table, were it not text."""


def make_somebodys_run(root: Path) -> Path:
    """Train it on text, in a folder that is made; the split test has enough rows for intervals."""
    root.mkdir(parents=True)
    posts = write_posts(root / "posts of mine", without=tuple(f"{split}-{i}.png" for split in SIZES for i in range(9)))
    first = json.loads((posts / "test.jsonl").read_text().splitlines()[0])
    given = {key: value for key, value in first.items() if key != "image"}
    more = [
        {**given, "id": f"more:{i}", "tokens": [*first["tokens"], str(i)], "relation": RELATIONS[i % 3]}
        for i in range(30)
    ]
    with (posts / "test.jsonl").open("a") as file:
        file.writelines(json.dumps(row) + "\n" for row in more)
    for file_of in posts.glob("*.json*"):
        file_of.write_text(file_of.read_text().replace('"/per/per/peer"', json.dumps(HOSTILE)))
    (root / "types.jsonl").write_text('{"id": "train:0", "head": "per", "tail": "org"}\n')
    data = {"path": str(posts), "types": str(root / "types.jsonl"), "missing_images": "text-only"}
    words = [word for word in TINY if not word.startswith("language_model")]
    words += [f"language_model={gpt2(root / 'lm')}", "optim.epochs=1"]
    train(TrainSettings(resolve_config("demo", None, words, data), root / "run", "cpu"))
    return root / "run"
