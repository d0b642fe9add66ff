import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load_file
from torch import Tensor

from dgf.cli.eval import eval_command
from dgf.cli.train import train_command
from dgf.model.batch import Batch
from dgf.model.checkpoint import load_model
from dgf.model.dgf_pt.network import DGF
from dgf.model.dgf_pt.objective import DGFOutput
from dgf.pipeline.errors import UserError
from dgf.pipeline.features import FeatureStore
from dgf.workflows.config import TrainConfig, resolve_config
from dgf.workflows.data import pool_captions, tokenize_captions
from dgf.workflows.evaluate import EvalSettings, Evaluation, evaluate
from dgf.workflows.train import TrainSettings, train
from support.small_world import RELATIONS, SIZES, TINY, write_posts, write_shards


@dataclass(frozen=True)
class World:
    posts: Path
    features: Path
    captions: Path

    def config(self, *words: str, preset: str = "demo", **data: object) -> TrainConfig:
        given = {"path": str(self.posts), "features": str(self.features), "captions": str(self.captions), **data}
        return resolve_config(preset, None, [*TINY, *words], given)


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    root = tmp_path_factory.mktemp("world")
    write_posts(root / "posts")
    write_shards(root / "posts", root / "features", root / "captions")
    return World(root / "posts", root / "features", root / "captions")


@pytest.fixture(scope="session")
def run(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "run"
    train(TrainSettings(world.config(), out, "cpu"))
    return out


def predictions(evaluation: Evaluation) -> bytes:
    return (evaluation.out / "predictions.jsonl").read_bytes()


def test_a_run_folder_holds_everything(run: Path) -> None:
    names = {path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file()}
    assert names >= {
        "config.yaml", "labels.json", "data.json", "environment.txt", "metrics.jsonl", "model.json",
        "model.safetensors", "README.md", "checkpoints/last.pt", "checkpoints/best.pt", "tokenizer/tokenizer.json",
    }  # fmt: skip
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2]
    assert set(lines[0]["loss"]) == {"total", "classification", "consistency", "identification", "types"}
    assert lines[0]["loss"]["consistency"] > 0


def test_the_report_says_how_it_was_measured(run: Path, tmp_path: Path) -> None:
    evaluation = evaluate(EvalSettings(run, out=tmp_path / "report", device="cpu"))
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    assert (report["rows"], report["text_only_rows"], report["split"]) == (6, 0, "test")
    assert report["protocol"] == "no label reaches a prediction"
    assert report["scores"]["rows"] == 6 and report["captioner"]
    rows = [json.loads(line) for line in predictions(evaluation).splitlines()]
    assert [row["id"] for row in rows] == [f"test:{i}" for i in range(6)]
    assert all(len(row["attributions"]["alpha"]["head"]) == 2 and 0 <= row["probability"] <= 1 for row in rows)


def test_batch_size_changes_no_prediction(run: Path, tmp_path: Path) -> None:
    found = []
    for size in (1, 4):
        evaluation = evaluate(EvalSettings(run, out=tmp_path / str(size), device="cpu", batch_size=size))
        found.append([json.loads(line) for line in predictions(evaluation).splitlines()])
    for one, four in zip(*found, strict=True):
        assert one["relation"] == four["relation"]
        assert one["probability"] == pytest.approx(four["probability"], abs=1e-4)


@pytest.mark.parametrize("entity_types", ["predicted", "file", "none", "gold"])
def test_changing_every_relation_changes_no_prediction_byte(entity_types: str, world: World, tmp_path: Path) -> None:
    types = tmp_path / "types.jsonl"
    given = [{"id": f"{split}:{i}", "head": "per", "tail": "org"} for split in SIZES for i in range(0, SIZES[split], 2)]
    types.write_text("".join(json.dumps(row) + "\n" for row in given))
    config = world.config(f"model.entity_types={entity_types}", "optim.epochs=1", types=str(types))
    train(TrainSettings(config, tmp_path / "run", "cpu"))
    honest = evaluate(EvalSettings(tmp_path / "run", out=tmp_path / "a", device="cpu"))
    found = []
    for name, relations in (("alike", ("/per/per/peer",)), ("turned", RELATIONS[1:] + RELATIONS[:1])):
        data = {"path": str(write_posts(tmp_path / name, relations=relations))}
        other = evaluate(EvalSettings(tmp_path / "run", out=tmp_path / f"of-{name}", device="cpu", data=data))
        assert (predictions(honest) == predictions(other)) is (entity_types != "gold")  # the oracle reads the label
        found.append(other.scores)
    assert honest.scores != found[0]
    without = evaluate(EvalSettings(tmp_path / "run", out=tmp_path / "c", device="cpu", data={"types": None}))
    assert (predictions(honest) == predictions(without)) is (entity_types != "file")


def test_gold_types_say_their_protocol_in_every_output(world: World, tmp_path: Path) -> None:
    oracle = "oracle-types (leaks the label)"
    words = [*TINY, "model.entity_types=gold", "optim.epochs=1"]
    options = ["--preset", "demo", "--features", world.features, "--out", tmp_path / "run", "--device", "cpu"]
    trained = CliRunner().invoke(train_command, [str(word) for word in (world.posts, *words, *options)])
    assert trained.exit_code == 0 and f"protocol: {oracle}" in trained.output
    shown = CliRunner().invoke(eval_command, [str(tmp_path / "run")] * 2 + ["--device", "cpu"])
    assert f"protocol: {oracle}" in shown.output.partition("mean and deviation over 2 runs")[2]
    evaluation = evaluate(EvalSettings(tmp_path / "run", device="cpu"))
    assert evaluation.report["protocol"] == oracle
    assert all(json.loads(line)["protocol"] == oracle for line in predictions(evaluation).splitlines())
    metrics = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    assert all(json.loads(line)["protocol"] == oracle for line in metrics)


def test_photos_reach_the_prediction(run: Path, tmp_path: Path) -> None:
    with_photos = evaluate(EvalSettings(run, out=tmp_path / "a", device="cpu"))
    data = {"features": None, "captions": None, "missing_images": "text-only"}
    without = evaluate(EvalSettings(run, out=tmp_path / "b", device="cpu", data=data))
    assert without.report["text_only_rows"] == 6
    assert predictions(with_photos) != predictions(without)


def test_a_share_of_no_photos_trains_on_text(world: World, tmp_path: Path) -> None:
    summary = train(TrainSettings(world.config("data.image_share=0", "optim.epochs=1"), tmp_path / "run", "cpu"))
    assert summary.text_only == summary.rows == 12


def test_a_missing_photo_is_an_error_skipped_or_masked(tmp_path: Path) -> None:
    posts = write_posts(tmp_path / "posts", without=("train-0.png",))
    write_shards(posts, tmp_path / "features")
    world = World(posts, tmp_path / "features", tmp_path / "none")
    with pytest.raises(UserError, match=r"2 of 12 posts.*train-0\.png"):
        train(TrainSettings(world.config(captions=None), tmp_path / "run", "cpu"))
    assert not (tmp_path / "run").exists()
    for policy, rows, masked in (("skip", 10, 0), ("text-only", 12, 2)):
        config = world.config("optim.epochs=1", captions=None, missing_images=policy)
        summary = train(TrainSettings(config, tmp_path / policy, "cpu"))
        assert (summary.rows, summary.text_only) == (rows, masked)


def test_features_of_another_kind_are_refused(run: Path, world: World, tmp_path: Path) -> None:
    write_shards(world.posts, tmp_path / "other", seed=1)
    data = {"features": str(tmp_path / "other"), "captions": None}
    with pytest.raises(UserError, match="made in another way"):
        evaluate(EvalSettings(run, out=tmp_path / "report", device="cpu", data=data))
    assert not (tmp_path / "report").exists()


def test_an_existing_run_is_not_overwritten(run: Path, world: World) -> None:
    with pytest.raises(UserError, match="--resume"):
        train(TrainSettings(world.config(), run, "cpu"))
    with pytest.raises(UserError, match="epochs: 5"):
        train(TrainSettings(world.config("optim.epochs=5"), run, "cpu", resume=True))


def test_patience_ends_training_early(world: World, tmp_path: Path) -> None:
    config = world.config("optim.epochs=30", "optim.patience=2", "optim.learning_rate=1e-9")
    config = replace(config, optim=replace(config.optim, lm_learning_rate=1e-9))
    assert train(TrainSettings(config, tmp_path / "run", "cpu")).epochs == 3


def test_a_killed_run_resumes_to_the_same_weights(world: World, tmp_path: Path) -> None:
    words = [*TINY, "optim.epochs=4"]
    command = [
        sys.executable, "-c", "from dgf.cli.main import main; main()", "train", str(world.posts), *words,
        "--features", str(world.features), "--captions", str(world.captions), "--preset", "demo", "--device", "cpu",
        "--resume",
    ]  # fmt: skip
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen([*command, "--out", str(tmp_path / "killed")], env=environment, stderr=log)
        deadline = time.monotonic() + 120
        while not (tmp_path / "killed" / "metrics.jsonl").is_file() and time.monotonic() < deadline:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not (tmp_path / "killed" / "model.json").exists(), "the kill came too late to show anything"
    for name in ("killed", "undisturbed"):
        subprocess.run([*command, "--out", str(tmp_path / name)], env=environment, check=True, capture_output=True)
    killed, undisturbed = (load_file(tmp_path / name / "model.safetensors") for name in ("killed", "undisturbed"))
    assert all(bool((killed[name] == tensor).all()) for name, tensor in undisturbed.items())
    assert not list((tmp_path / "killed").rglob(".part-*"))


def test_relations_the_run_does_not_know_are_refused_not_left_out_of_the_figures(run: Path, tmp_path: Path) -> None:
    posts = write_posts(tmp_path / "posts")
    (posts / "relations.json").unlink()
    rows = (posts / "test.jsonl").read_text().replace("/per/per/peer", "/per/per/nemesis")
    (posts / "test.jsonl").write_text(rows)
    with pytest.raises(UserError, match="nemesis"):
        evaluate(EvalSettings(run, out=tmp_path / "report", device="cpu", data={"path": str(posts)}))


def test_a_run_whose_data_changed_does_not_go_on(tmp_path: Path) -> None:
    posts = write_posts(tmp_path / "posts")
    write_shards(posts, tmp_path / "features")
    config = World(posts, tmp_path / "features", tmp_path / "none").config("optim.epochs=1", captions=None)
    train(TrainSettings(config, tmp_path / "run", "cpu"))
    lines = (posts / "train.jsonl").read_text().splitlines()
    (posts / "train.jsonl").write_text("\n".join(lines[:-1]) + "\n")
    with pytest.raises(
        UserError, match=r"begun with has changed \(.*\brows, sentences of the training split, training_rows"
    ):
        train(TrainSettings(config, tmp_path / "run", "cpu", resume=True))


def test_only_captions_that_are_shown_are_encoded_and_come_out_the_same(run: Path, world: World) -> None:
    network = load_model(run)
    store = FeatureStore.open(world.features, world.captions)
    captions = tokenize_captions(store.captions(range(len(store))), network.language_model.tokenizer, 32)
    everything = pool_captions(captions, np.arange(len(store)), network, torch.device("cpu")).pooled
    some = pool_captions(captions, np.array([5, -1, 2, 5]), network, torch.device("cpu")).pooled
    assert everything is not None and some is not None
    assert everything.abs().sum(1).min() > 0
    torch.testing.assert_close(some[[2, 5]], everything[[2, 5]], atol=1e-5, rtol=0)
    assert some.abs().sum(1).nonzero().flatten().tolist() == [2, 5]


def test_a_frozen_model_trains_with_captions_pooled_once(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pooled: list[Tensor] = []
    encode = DGF.encode_captions

    def recorded(network: DGF, tokens: Tensor, mask: Tensor) -> Tensor:
        pooled.append(encode(network, tokens, mask))
        return pooled[-1]

    read: list[Tensor] = []
    forward = DGF.forward

    def seen(network: DGF, batch: Batch) -> DGFOutput:
        assert batch.caption_tokens is None and batch.captions is not None and batch.caption_mask is not None
        read.append(batch.captions[batch.caption_mask])
        return forward(network, batch)

    with monkeypatch.context() as patched:
        patched.setattr(DGF, "encode_captions", recorded)
        patched.setattr(DGF, "forward", seen)
        train(TrainSettings(world.config("model.plm=frozen", "optim.epochs=2"), tmp_path / "run", "cpu"))
    assert len(pooled) == 1, "once for training and validation together, whatever the number of epochs"
    assert len(read) > 2 and pooled[0].abs().sum(1).min() > 0
    for rows in read:
        assert (torch.cdist(rows, pooled[0]).amin(1) < 1e-5).all()
    data = {"captions": None}
    found = [
        evaluate(EvalSettings(tmp_path / "run", out=tmp_path / name, device="cpu", data=changes))
        for name, changes in (("with", {}), ("without", data))
    ]
    assert predictions(found[0]) != predictions(found[1])
