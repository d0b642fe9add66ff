"""Folders that an older dgf wrote are read, verified, continued and predicted with (`tests/data/older`)."""

import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from safetensors.torch import load_file

from dgf.cli.main import cli

OLDER = Path(__file__).resolve().parents[1] / "data" / "older"
HERE = ("--device", "cpu", "--threads", "1")
EXTRACT = (
    *("--detector", "torchvision:fasterrcnn_mobilenet_v3_large_320_fpn", "--weights", "random"),
    *("--vgg-weights", "random", "--min-size", "64", "--max-size", "64", "--top-k", "3", "--regions", "5"),
    *("--shard-size", "2", "--batch-size", "2", *HERE),
)
CAPTION = ("--oscar", "random", "--beams", "1", "--length", "6", *HERE)


@pytest.fixture
def older(tmp_path: Path) -> Path:
    """A copy that a test may write to, its runs knowing where their data lie."""
    root = tmp_path / "older"
    shutil.copytree(OLDER, root)
    for config in root.glob("*/config.yaml"):
        config.write_text(config.read_text().replace("ROOT", str(root)))
    return root


def dgf(*words: object) -> Result:
    done = CliRunner().invoke(cli, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    return done


def rows_of(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def same_answers(found: list[dict[str, object]], expected: list[dict[str, object]]) -> bool:
    """The last bits of a probability are another machine's own."""
    for row, other in zip(found, expected, strict=True):
        assert list(row) == [{"gates": "attributions"}.get(key, key) for key in other]
        assert [row[key] for key in ("id", "head", "tail", "relation", "types")] == [
            other[key] for key in ("id", "head", "tail", "relation", "types")
        ]
        assert row["best"] == pytest.approx(other["best"], abs=1e-4)
    return True


@pytest.mark.parametrize("kind", ["features", "captions"])
def test_shards_are_whole(older: Path, kind: str) -> None:
    assert "2 shards are whole" in dgf("inspect", older / kind, "--verify").stdout


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("features", ("extract-features", "posts", "--out", "features", *EXTRACT)),
        ("captions", ("caption", "posts", "--features", "features", "--out", "captions", *CAPTION)),
    ],
)
def test_the_same_command_computes_only_what_is_missing(
    older: Path, kind: str, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(older)
    before = {path.name: path.read_bytes() for path in (older / kind).iterdir()}
    dgf(*words)
    after = {path.name: path.read_bytes() for path in (older / kind).iterdir()}
    assert after == before
    (older / kind / "shard-00001.json").unlink()
    dgf(*words)
    assert (older / kind / "shard-00000.h5").read_bytes() == before["shard-00000.h5"]
    assert json.loads((older / kind / "settings.json").read_bytes()) == json.loads(before["settings.json"])
    with h5py.File(OLDER / kind / "shard-00001.h5") as old, h5py.File(older / kind / "shard-00001.h5") as new:
        names: list[str] = []
        old.visit(names.append)
        for name in (name for name in names if isinstance(old[name], h5py.Dataset)):
            assert old[name].dtype == new[name].dtype
            if np.issubdtype(old[name].dtype, np.floating):
                np.testing.assert_allclose(new[name][:], old[name][:], rtol=2e-3, atol=1e-2)
            else:
                assert np.array_equal(new[name][:], old[name][:])


def test_a_run_answers_as_it_did(older: Path) -> None:
    dgf("eval", older / "run", "--device", "cpu", "--out", older / "report")
    assert same_answers(rows_of(older / "report" / "predictions.jsonl"), rows_of(OLDER / "predictions.jsonl"))


def test_new_posts_are_extracted_captioned_and_answered_as_they_were(older: Path) -> None:
    dgf("predict", older / "run", older / "posts" / "test.jsonl", "--device", "cpu", "--out", older / "answers")
    assert same_answers(rows_of(older / "answers"), rows_of(OLDER / "answers.jsonl"))


@pytest.mark.parametrize("command", ["short", "as it was begun"])
def test_a_run_that_was_cut_short_ends_in_the_weights_of_the_undisturbed_one(older: Path, command: str) -> None:
    assert not (older / "half-run" / "model.json").exists()
    begun: tuple[object, ...] = ()
    if command == "as it was begun":  # of the keys that are new since then, nothing is said
        words = "language_model=random:gpt2?n_layer=2&n_embd=16&n_head=2&vocab_size=300&n_positions=160 "
        words += "model.prefix_hidden=4 optim.epochs=2 optim.batch_size=3 optim.learning_rate=0.01"
        begun = (older / "posts", *words.split(), "--features", older / "features", "--captions", older / "captions")
    dgf("train", *begun, "--resume", "--out", older / "half-run", "--device", "cpu")
    found, expected = (load_file(older / name / "model.safetensors") for name in ("half-run", "run"))
    assert found.keys() == expected.keys()
    tokenizers = [
        json.loads((older / name / "tokenizer" / "tokenizer.json").read_text()) for name in ("half-run", "run")
    ]
    assert tokenizers[0] == tokenizers[1]
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name], tensor, rtol=1e-3, atol=1e-4)
