import json
from pathlib import Path

import pytest

from dgf.pipeline.errors import UserError
from dgf.workflows.config import TrainConfig, resolve_config
from dgf.workflows.evaluate import EvalSettings, compare_runs, evaluate
from dgf.workflows.train import TrainSettings, train
from support.command import dgf
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


def test_two_systems_are_compared_on_the_rows_of_both(tmp_path: Path) -> None:
    world = write_uneven_posts(tmp_path)
    write_splits(world)
    for name in ("a", "b"):
        train(TrainSettings(config_of(world, "seed=1"), tmp_path / name, "cpu"))
    first, second = (evaluate(EvalSettings(tmp_path / name, device="cpu")) for name in ("a", "b"))
    found = compare_runs([first], [second])
    assert (found.runs, found.difference, found.p_value) == (1, 0, None)
    # other rows than the first's are refused
    (world.folder / "test.jsonl").write_text((world.folder / "test.jsonl").read_text().split("\n", 1)[1])
    fewer = evaluate(EvalSettings(tmp_path / "b", device="cpu"))
    with pytest.raises(UserError, match="evaluated on other rows"):
        compare_runs([first], [fewer])
    with pytest.raises(ValueError, match="as many runs"):
        compare_runs([first, first], [second])
    unequal = dgf("eval", tmp_path / "a", tmp_path / "b", "--against", tmp_path / "b", "--device", "cpu")
    assert unequal.code == 2 and "2 runs cannot be compared with 1" in unequal.err


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on six posts with five photos."""
    root = tmp_path_factory.mktemp("shares")
    world = write_uneven_posts(root)
    write_splits(world)
    train(TrainSettings(config_of(world), root / "run", "cpu"))
    return root / "run"


def test_a_share_of_the_photos_is_shown_at_evaluation_and_stands_in_the_report(run: Path, tmp_path: Path) -> None:
    shown: list[set[str]] = []
    for share, photos in ((0, 0), (0.2, 1), (0.6, 3), (1, 5)):
        done = dgf("eval", run, "--device", "cpu", "--image-share", share, "--out", tmp_path / f"{share}")
        assert done.code == 0, done.said
        report = json.loads((tmp_path / f"{share}" / "report.json").read_text())
        assert (report["image_share"], report["image_share_in_training"]) == (share, 1)
        rows = [json.loads(line) for line in (tmp_path / f"{share}" / "predictions.jsonl").read_text().splitlines()]
        shown.append({row["id"] for row in rows if "attributions" in row})
        assert report["text_only_rows"] == 6 - len(shown[-1]) and report["rows_with_caption"] == len(shown[-1])
        assert photos <= len(shown[-1]) <= photos + 1, "two posts show the same photo"
    assert shown[0] < shown[1] < shown[2] < shown[3]


def test_changes_of_the_data_section_are_checked(run: Path, tmp_path: Path) -> None:
    half = evaluate(EvalSettings(run, out=tmp_path / "half", device="cpu", data={"image_share": 0.4}))
    assert half.report["image_share"] == 0.4
    with pytest.raises(UserError, match=r"2 fault\(s\)(?s:.*)data\.image_shar: unknown key(?s:.*)data\.missing_images"):
        changes = {"image_shar": 0.5, "missing_images": "sometimes"}
        evaluate(EvalSettings(run, out=tmp_path / "none", device="cpu", data=changes))
    assert dgf("eval", run, "--image-share", 1.5).code == 2
    assert not (tmp_path / "none").exists()
