"""Which detected object a mention's box is; what cannot be read is told of its post."""

import json
from pathlib import Path

import numpy as np
import pytest

from dgf.model.baselines.configs.mtb import MTBConfig
from dgf.model.dgf_pt.config import ModelConfig
from dgf.pipeline.errors import UserError
from dgf.pipeline.features import FeatureStore
from dgf.pipeline.posts import Post, read_dataset
from dgf.workflows.data.mention_objects import find_mention_objects
from support.small_world import write_posts, write_shards

BOXES = [[0.0, 0.0, 4.0, 6.0], [4.0, 0.0, 8.0, 3.0]]  # of a photo of 8 by 6 pixels


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> FeatureStore:
    root = tmp_path_factory.mktemp("boxes")
    write_shards(write_posts(root / "posts"), root / "features", boxes=BOXES)
    return FeatureStore.open(root / "features")


def posts(root: Path, *tails: object) -> tuple[Post, ...]:
    rows = [{"tokens": ["a", "b"], "head": {"span": [0, 1]}, "tail": tail, "image": "train-0.png"} for tail in tails]
    (root / "new.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return read_dataset(root / "new.jsonl").posts


def test_the_object_that_overlaps_most_is_taken(store: FeatureStore, tmp_path: Path) -> None:
    tails = [{"span": [1, 2]}, {"box": [0.1, 0, 0.5, 0.9]}, {"box": [0.4, 0, 1, 0.5]}, {"box": [0.6, 0.6, 1, 1]}]
    rows = posts(tmp_path, *tails)
    places = np.zeros(4, np.int64) + store.row(("train-0.png",))
    found = find_mention_objects(rows, places, store, ModelConfig(), tmp_path)
    assert found is not None and found.tolist() == [[-1, -1], [-1, 0], [-1, 1], [-1, -1]]
    assert find_mention_objects(rows[:1], places[:1], None, MTBConfig(), tmp_path) is None


def test_what_cannot_be_read_names_the_post(store: FeatureStore, tmp_path: Path) -> None:
    rows = posts(tmp_path, {"span": [1, 2]}, {"box": [0.1, 0, 0.5, 0.9]})
    there, gone = np.zeros(2, np.int64), np.full(2, -1)
    for places, shards, config, message in (
        (there, store, MTBConfig(), "this model reads mentions in the text alone"),
        (there, None, ModelConfig(), "no features were given"),
        (gone, store, ModelConfig(), "a box in a photo that is not in"),
    ):
        with pytest.raises(UserError, match=message) as caught:
            find_mention_objects(rows, places, shards, config, tmp_path)
        assert "post new:2" in caught.value.message and caught.value.hint is not None
