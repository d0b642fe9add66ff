"""A stream holds a window of posts and of their photos, and forgets them."""

import gc
import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

import dgf
from dgf.workflows.predict import stream
from dgf.workflows.predict.answerer import PostAnswerer
from dgf.workflows.predict.command import answer_streamed
from dgf.workflows.predict.formats import build_format
from dgf.workflows.predict.networks import WeightPlaces
from dgf.workflows.predict.settings import PredictSettings
from dgf.workflows.training.run_folder import RunFolder
from support.seen_world import SeenWorld

WINDOW = 8 * 16
"""Posts, at 16 a batch."""


def test_photos_in_memory_end_a_window(world: SeenWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """Photos that cannot be used are as large as others, and no network looks at them."""
    data, picture = b"words" * 20, Image.new("RGB", (8, 6))
    picture.close()
    post: dict[str, Any] = {"id": "a", "text": "Ada met Bo", "head": "Ada", "tail": "Bo"}
    model = dgf.load(world.run, device="cpu")
    read = 0

    def posts(image: Any) -> Iterator[dict[str, Any]]:
        nonlocal read
        for read in range(1, 10_000):  # noqa: B007
            yield {**post, "image": image}

    for image, limit, expected in ((data, 3 * len(data), 3), (picture, 2 << 20, 2), ("gone.png", 1, 16), (None, 1, 16)):
        monkeypatch.setattr(stream, "HELD_BYTES", limit)
        assert next(model.predict_many(posts(image), 2, on_error="return")).id == "a" and read == expected


def test_nothing_is_left_of_posts_that_are_answered(world: SeenWorld, tmp_path: Path) -> None:
    """Whatever Python holds at the first answer of each window, but for what its own pools keep."""
    folder, windows = RunFolder(world.run), 6
    answerer = PostAnswerer(folder, folder.finished_config(), torch.device("cpu"), WeightPlaces())
    file = tmp_path / "posts.jsonl"
    row = {"head": {"span": [0, 3]}, "tail": {"span": [8, 10]}}
    texts = (f"Ada met Bo {'again ' * (number % 7)}{number}" for number in range(windows * WINDOW))
    file.write_text("".join(json.dumps({"text": text, **row}) + "\n" for text in texts))
    written, held = 0, []

    def write(_: str) -> None:
        nonlocal written
        if written % WINDOW == 0:
            gc.collect()
            held.append(tracemalloc.get_traced_memory()[0])
        written += 1

    tracemalloc.start()
    answer_streamed(PredictSettings(world.run, file, batch_size=16), answerer, build_format("jsonl"), write)
    tracemalloc.stop()
    assert written == windows * WINDOW and held[-1] - held[1] < 100 * (windows - 2) * WINDOW, held
