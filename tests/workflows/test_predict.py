import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from dgf.cli.main import cli
from dgf.workflows.config import resolve_config
from dgf.workflows.evaluate import EvalSettings, evaluate
from dgf.workflows.extract import extract_photos
from dgf.workflows.settings import ExtractSettings
from dgf.workflows.train import TrainSettings, train
from support.small_world import TINY, write_posts


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run trained on features that a real detector and VGG16 made, small."""
    root = tmp_path_factory.mktemp("world")
    posts = write_posts(root / "posts")
    extract_photos(
        ExtractSettings(
            data=posts,
            out=root / "features",
            detector="torchvision:fasterrcnn_mobilenet_v3_large_320_fpn",
            weights="random",
            vgg_weights="random",
            min_size=32,
            max_size=64,
            top_k=3,
            regions=5,
            device="cpu",
        )
    )
    data = {"path": str(posts), "features": str(root / "features")}
    train(TrainSettings(resolve_config("demo", None, [*TINY, "optim.epochs=1"], data), root / "run", "cpu"))
    return root / "run"


def test_new_posts_are_seen_as_the_training_posts_were(run: Path, tmp_path: Path) -> None:
    posts = write_posts(tmp_path / "posts", relations=("/per/per/peer",))
    answers = tmp_path / "answers.jsonl"
    done = CliRunner().invoke(cli, ["predict", str(run), str(posts / "test.jsonl"), "--out", str(answers)])
    assert done.exit_code == 0, done.output
    evaluation = evaluate(EvalSettings(run, out=tmp_path / "report", device="cpu"))
    expected = [json.loads(line) for line in (evaluation.out / "predictions.jsonl").read_text().splitlines()]
    found = [json.loads(line) for line in answers.read_text().splitlines()]
    assert [row["id"] for row in found] == [row["id"] for row in expected]
    for row, other in zip(found, expected, strict=True):
        assert row["relation"] == other["relation"] and row["attributions"].keys() == other["attributions"].keys()
        # The batches that the photos went through differ, and with them the last bits.
        assert row["probability"] == pytest.approx(other["probability"], abs=1e-3)


def test_an_explained_answer_says_what_photo_and_objects_did(run: Path, tmp_path: Path) -> None:
    words = [str(run), "--out", str(tmp_path / "report"), "--device", "cpu"]
    assert CliRunner().invoke(cli, ["eval", *words]).exit_code == 0
    plain = json.loads((tmp_path / "report" / "report.json").read_text())
    before = [json.loads(line) for line in (tmp_path / "report" / "predictions.jsonl").read_text().splitlines()]
    done = CliRunner().invoke(cli, ["eval", *words, "--explain"])
    assert done.exit_code == 0, done.output
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    after = [json.loads(line) for line in (tmp_path / "report" / "predictions.jsonl").read_text().splitlines()]
    assert plain["effects"] is None and report["effects"].keys() == {"photo", "objects"}
    assert "what the log-probability of the predicted relation owes to" in done.stdout
    effects = [row["attributions"].pop("effects") for row in after]
    assert after == before, "the answers themselves are the same"
    for effect in effects:
        assert effect["photo"] != 0 and len(effect["objects"]) == 3 and effect["caption"] == 0
    mean = sum(effect["photo"] for effect in effects) / len(effects)
    assert report["effects"]["photo"]["rows"] == len(after)
    assert report["effects"]["photo"]["mean"] == pytest.approx(mean, abs=1e-5)


def test_posts_without_their_photo_run_on_text_when_allowed(run: Path, tmp_path: Path) -> None:
    posts = write_posts(tmp_path / "posts", without=("test-0.png", "test-1.png", "test-2.png"))
    words = ["predict", str(run), str(posts / "test.jsonl")]
    refused = CliRunner().invoke(cli, words)
    assert refused.exit_code == 1 and "test-0.png" in refused.stderr
    done = CliRunner().invoke(cli, [*words, "--missing-images", "text-only"])
    assert done.exit_code == 0, done.output
    assert len(done.stdout.splitlines()) == 6 and "attributions" not in done.stdout
