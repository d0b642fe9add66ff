import json
from pathlib import Path

import pytest

from dgf.workflows.config import TrainConfig, resolve_config
from dgf.workflows.evaluate import EvalSettings, evaluate
from dgf.workflows.train import TrainSettings, train
from support.small_world import TINY
from support.uneven_posts import RELATIONS, UnevenPosts, write_uneven_posts


def write_splits(world: UnevenPosts) -> None:
    """The posts that have a photo as a data set, the same ones in every split."""
    (world.folder / "relations.json").write_text(json.dumps({name: i for i, name in enumerate(RELATIONS)}))
    for split in ("train", "val", "test"):
        rows = [
            {
                "id": f"{split}-{post.id}",
                "tokens": post.tokens,
                "head": {"span": [post.head.start, post.head.end]},
                "tail": {"span": [post.tail.start, post.tail.end]},
                "image": post.image_ids[0],
                "relation": post.relation,
            }
            for post in world.posts
            if post.image_ids
        ]
        (world.folder / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def config_of(world: UnevenPosts, *words: str) -> TrainConfig:
    data = {"path": str(world.folder), "features": str(world.features), "captions": str(world.captions)}
    return resolve_config("demo", None, [*TINY, "optim.epochs=1", *words], data)


def test_a_run_trained_with_half_of_the_photos_is_evaluated_with_all_of_them(tmp_path: Path) -> None:
    world = write_uneven_posts(tmp_path)
    write_splits(world)
    summary = train(TrainSettings(config_of(world, "data.image_share=0.5"), tmp_path / "run", "cpu"))
    assert summary.rows == 6 and 0 < summary.text_only < 6, "the test split shows the photos that training left out"
    evaluation = evaluate(EvalSettings(tmp_path / "run", device="cpu"))
    report = json.loads((evaluation.out / "report.json").read_text())
    assert (report["rows"], report["text_only_rows"], report["image_share_in_training"]) == (6, 0, 0.5)
    rows = [json.loads(line) for line in (evaluation.out / "predictions.jsonl").read_text().splitlines()]
    assert len(rows) == 6
    assert all(sum(row["attributions"]["relevance"]["tail"]) == pytest.approx(1, abs=1e-4) for row in rows)
