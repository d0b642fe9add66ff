"""A data set whose tails are objects of the photos is trained on and evaluated, and refused by models of text."""

import json
from pathlib import Path

import pytest

from dgf.workflows.demo.kept import find_run
from support.command import dgf
from support.small_world import TINY, write_posts, write_shards

BOXES = [[0.0, 0.0, 4.0, 6.0], [4.0, 0.0, 8.0, 6.0]]  # halves of a photo of 8 by 6 pixels


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Posts whose tail is the left or the right half of their photo in turn, and shards of two objects a photo."""
    root = tmp_path_factory.mktemp("boxed")
    posts = write_posts(root / "posts")
    write_shards(posts, root / "features", boxes=BOXES)
    for file in posts.glob("*.jsonl"):
        rows = [json.loads(line) for line in file.read_text().splitlines()]
        for number, row in enumerate(rows):
            row["tail"] = {"box": [0.5 * (number % 2), 0, 0.5 + 0.5 * (number % 2), 1]}
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    options = ("--device", "cpu", "--features", root / "features", *TINY, "optim.epochs=1")
    done = dgf("train", posts, "--out", root / "run", *options)
    assert done.code == 0, done.said
    assert "of 12 boxes that are mentions, 12 are of a detected object (overlap from 0.5), 0 of none" in done.err
    return root


def test_a_run_reads_the_object_that_is_there(world: Path) -> None:
    done = dgf("eval", world / "run", "--device", "cpu")
    assert done.code == 0, done.said
    lines = (find_run(world / "run") / "eval-test" / "predictions.jsonl").read_text().splitlines()
    answers = [json.loads(line) for line in lines]
    assert len(answers) == 6 and {answer["tail"] for answer in answers} == {"[object]"}
    # posts 0 and 1 have the same words but one, and the same photo; now the same words and another box
    rows = [json.loads(line) for line in (world / "posts" / "test.jsonl").read_text().splitlines()[:2]]
    rows[1]["tokens"] = rows[0]["tokens"]
    (world / "posts" / "twins.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    twins = world / "posts" / "twins.jsonl"
    data = ("--data", twins, "--features", world / "features", "--split", "twins", "--out", world / "twins")
    done = dgf("eval", world / "run", "--device", "cpu", *data)
    assert done.code == 0, done.said
    one, other = map(json.loads, (world / "twins" / "predictions.jsonl").read_text().splitlines())
    assert one["best"] != other["best"]


def test_other_models_and_runs_without_features_refuse_it(world: Path) -> None:
    out = ("--device", "cpu", "--out", world / "none")
    done = dgf("train", world / "posts", *out, "--features", world / "features", "model.name=mtb", TINY[0], *TINY[2:])
    assert done.code == 1 and "post train:0: its head or tail is a box in the photo, and this model reads" in done.err
    assert "model.name=dgf-pt" in done.err
    done = dgf("train", world / "posts", *out, "--missing-images", "text-only", *TINY)
    assert done.code == 1 and "post train:0: its head or tail is a box in the photo, and no features were" in done.err
