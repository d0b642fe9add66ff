"""HVPNeT and VisualBERT on features of real networks, by the functions and commands that serve DGF-PT."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from dgf.cli.main import cli
from dgf.model.baselines.configs import HVPNeTConfig
from dgf.model.checkpoint import load_model
from dgf.pipeline.errors import UserError
from dgf.workflows.config import resolve_config
from dgf.workflows.extract import extract_photos
from dgf.workflows.settings import ExtractSettings
from dgf.workflows.train import TrainSettings, train
from support.small_world import write_posts, write_shards

BERT = "random:bert?num_hidden_layers=1&hidden_size=32&num_attention_heads=2&intermediate_size=64&vocab_size=600"
NAMES = ("hvpnet", "visualbert")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Posts, and features of random networks with pyramids."""
    root = tmp_path_factory.mktemp("world")
    extract_photos(
        ExtractSettings(
            data=write_posts(root / "posts"),
            out=root / "features",
            detector="torchvision:fasterrcnn_mobilenet_v3_large_320_fpn",
            weights="random",
            vgg_weights="random",
            pyramid=True,
            resnet_weights="random",
            min_size=32,
            max_size=64,
            top_k=3,
            regions=5,
            device="cpu",
        )
    )
    return root


def settings(world: Path, out: Path, name: str, *words: str) -> TrainSettings:
    data = {"path": str(world / "posts"), "features": str(world / "features")}
    small = ("optim.batch_size=4", "optim.epochs=2", *words)
    config = resolve_config("demo", None, [f"model.name={name}", f"language_model={BERT}", *small], data)
    return TrainSettings(config, out, "cpu", resume=True)


@pytest.fixture(scope="module", params=NAMES)
def run(world: Path, request: pytest.FixtureRequest) -> Path:
    asked = settings(world, world / request.param, request.param)
    train(asked)
    return asked.out


def test_the_network_has_the_sizes_of_the_shards(world: Path, run: Path) -> None:
    model = load_model(run)
    assert (model.object_dim, model.block_shape) == ((0, (4, 15360)) if run.name == "hvpnet" else (256, None))


def test_eval_says_what_the_photo_did(run: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["eval", str(run), "--out", str(tmp_path), "--explain", "--device", "cpu"])
    assert done.exit_code == 0, done.output
    rows = [json.loads(line) for line in (tmp_path / "predictions.jsonl").read_text().splitlines()]
    effects = [row["attributions"]["effects"] for row in rows]
    assert len(effects) == 6 and all(effect["photo"] != 0 for effect in effects)
    assert {len(effect.get("objects", ())) for effect in effects} == ({0} if run.name == "hvpnet" else {3})


def test_new_posts_are_seen_as_the_training_posts_were(world: Path, run: Path, tmp_path: Path) -> None:
    posts = write_posts(tmp_path / "posts", relations=("/per/per/peer",))
    words = [str(posts / "test.jsonl"), "--out", str(tmp_path / "answers.jsonl"), "--work", str(tmp_path / "work")]
    done = CliRunner().invoke(cli, ["predict", str(run), *words, "--resnet-weights", "random:0"])
    assert done.exit_code == 0, done.output
    shown = CliRunner().invoke(cli, ["eval", str(run), "--out", str(tmp_path / "report"), "--device", "cpu"])
    assert shown.exit_code == 0, shown.output
    found, expected = (
        [json.loads(line) for line in path.read_text().splitlines()]
        for path in (tmp_path / "answers.jsonl", tmp_path / "report" / "predictions.jsonl")
    )
    for row, other in zip(found, expected, strict=True):
        assert row["id"] == other["id"] and row["relation"] == other["relation"]
        # The batches that the photos went through differ, and with them the last bits.
        assert row["probability"] == pytest.approx(other["probability"], abs=1e-3)
    again = CliRunner().invoke(cli, ["predict", str(run), *words[:1], "--resnet-weights", "random:1"])
    assert again.exit_code == 1 and "features" in again.stderr


def test_features_without_pyramids_are_refused_with_the_command_that_makes_them(tmp_path: Path) -> None:
    posts = write_posts(tmp_path / "posts")
    write_shards(posts, tmp_path / "features")
    data = {"path": str(posts), "features": str(tmp_path / "features")}
    config = resolve_config("demo", None, ["model.name=hvpnet", f"language_model={BERT}"], data)
    with pytest.raises(UserError, match=r"(?s)has no pyramids of ResNet-50.*dgf extract-features .* --pyramid"):
        train(TrainSettings(config, tmp_path / "run", "cpu"))


def test_hvpnets_preset_is_its_public_script() -> None:
    config = resolve_config("paper", None, ["model.name=hvpnet"], {"path": "posts"})
    optim = config.optim
    assert (config.language_model, config.data.max_length) == ("bert-base-uncased", 80)
    assert (optim.epochs, optim.batch_size, optim.learning_rate, optim.lm_learning_rate) == (15, 16, 3e-5, 3e-5)
    assert (optim.weight_decay, optim.decay, optim.clip_norm) == (0.01, "all", None)
    assert (optim.schedule, optim.warmup, optim.warmup_steps) == ("linear", 0.06, None)
    assert config.model == HVPNeTConfig() and HVPNeTConfig().prefix_hidden == 800
