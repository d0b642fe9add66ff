"""A data set in the jsonl layout over photos that are there."""

import json
from collections.abc import Iterable
from pathlib import Path

DETECTOR = f"detectron2:{Path(__file__).with_name('tiny_detector.yaml')}"


def posts_of(root: Path, image_ids: Iterable[str]) -> Path:
    """One post for each id, in `root`."""
    row = {"tokens": ["Ann", "met", "Bob"], "head": {"span": [0, 1]}, "tail": {"span": [2, 3]}}
    path = root / "posts.jsonl"
    path.write_text("".join(json.dumps({**row, "image": image_id}) + "\n" for image_id in image_ids))
    return path
