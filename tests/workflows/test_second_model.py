"""What `model.name` chooses is trained, resumed, evaluated and asked by the functions that serve DGF-PT."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from dgf.cli.main import cli
from dgf.model import catalog, networks
from dgf.model.checkpoint import load_model
from dgf.pipeline.errors import UserError
from dgf.workflows.config import resolve_config
from dgf.workflows.evaluate import EvalSettings, evaluate
from dgf.workflows.train import TrainSettings, train
from support.bag_of_words import BagConfig, BagOfWords
from support.small_world import RELATIONS, write_posts, write_shards

WORDS = (
    "model.name=bag-of-words",
    "language_model=random:gpt2?n_layer=1&n_embd=32&n_head=2",
    "optim.epochs=20",
    "optim.learning_rate=0.05",
)


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        catalog.MODEL_KINDS,
        "bag-of-words",
        catalog.ModelKind(BagConfig, {"paper": {}, "demo": {"model": {"width": 16}}}),
    )
    monkeypatch.setitem(networks.NETWORKS, BagConfig, BagOfWords)


def test_it_is_trained_resumed_evaluated_and_answers(tmp_path: Path) -> None:
    posts = write_posts(tmp_path / "posts")
    write_shards(posts, tmp_path / "features", tmp_path / "captions")
    data = {"path": str(posts), "features": str(tmp_path / "features"), "captions": str(tmp_path / "captions")}
    config = resolve_config("demo", None, WORDS, data)
    assert config.model == BagConfig(width=16)
    summary = train(TrainSettings(config, tmp_path / "run", "cpu"))
    assert train(TrainSettings(config, tmp_path / "run", "cpu", resume=True)).epochs == summary.epochs == 20

    evaluation = evaluate(EvalSettings(tmp_path / "run", device="cpu"))
    assert evaluation.scores is not None and evaluation.scores.accuracy == 1.0, "the number in each sentence tells"
    assert evaluation.report["entity_types"] == "none"
    rows = [json.loads(line) for line in (evaluation.out / "predictions.jsonl").read_text().splitlines()]
    assert len(rows) == 6 and all("attributions" not in row and "types" not in row for row in rows)

    model = load_model(tmp_path / "run")
    assert isinstance(model, BagOfWords) and model.config == BagConfig(width=16)
    assert json.loads((tmp_path / "run" / "model.json").read_text())["config"]["name"] == "bag-of-words"


def test_it_answers_posts_of_ones_own(tmp_path: Path) -> None:
    posts = write_posts(tmp_path / "posts")
    config = resolve_config("demo", None, WORDS, {"path": str(posts), "missing_images": "text-only"})
    train(TrainSettings(config, tmp_path / "run", "cpu"))
    words = ["predict", str(tmp_path / "run"), str(posts / "test.jsonl"), "--missing-images", "text-only"]
    done = CliRunner().invoke(cli, words)
    assert done.exit_code == 0, done.output
    found = [json.loads(line)["relation"] for line in done.stdout.splitlines()]
    assert found == [RELATIONS[i % len(RELATIONS)] for i in range(6)]


def test_its_keys_are_its_own() -> None:
    with pytest.raises(UserError, match=r"model\.plm: there is no such key; keys here: name, seed, width"):
        resolve_config(overrides=[*WORDS, "model.plm=full"])
    with pytest.raises(UserError, match=r"model\.width: .*greater than or equal to 1"):
        resolve_config(overrides=[*WORDS, "model.width=0"])


def test_a_model_of_no_name_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(UserError, match=r"model\.name: 'no-such' is none of: dgf-pt, .*, bag-of-words"):
        resolve_config(overrides=["model.name=no-such"])


def test_a_model_without_layers_to_compute_again_is_told_so(tmp_path: Path) -> None:
    posts = write_posts(tmp_path / "posts")
    words = (*WORDS, "checkpoint_activations=true")
    config = resolve_config("demo", None, words, {"path": str(posts), "missing_images": "text-only"})
    with pytest.raises(UserError, match=r"checkpoint_activations: .*\n.*Leave it at false"):
        train(TrainSettings(config, tmp_path / "run", "cpu"))
    assert not (tmp_path / "run").exists()
