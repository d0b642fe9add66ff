import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import GPT2Config, GPT2Model, PreTrainedTokenizerFast

from dgf.pipeline.errors import UserError
from dgf.pipeline.files import read_record, write_record
from dgf.workflows.config import TrainConfig, resolve_config
from dgf.workflows.data import train_tokenizer
from dgf.workflows.train import TrainSettings, train
from support.small_world import RELATIONS, TINY, write_posts, write_shards


def change_row(file: Path, **changes: object) -> None:
    """Changes keys of the last row."""
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    rows[-1] |= changes
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))


def swap_relations(root: Path) -> None:
    """The counts of relations stay."""
    file = root / "posts" / "train.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    rows[0]["relation"], rows[1]["relation"] = rows[1]["relation"], rows[0]["relation"]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))


def other_weights(root: Path) -> None:
    file = root / "model" / "model.safetensors"
    weights = {name: tensor.clone() for name, tensor in load_file(file).items()}
    weights["h.0.mlp.c_fc.bias"][3] += 1e-3
    save_file(weights, file, {"format": "pt"})


TOKENS = ["Alice", "joins", "Club", "11", "with", "Carol"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Posts, shards and a language model's folder."""
    write_posts(tmp_path / "posts")
    write_shards(tmp_path / "posts", tmp_path / "features", tmp_path / "captions")
    (tmp_path / "types.jsonl").write_text(json.dumps({"id": "train:1", "head": "per", "tail": "org"}) + "\n")
    torch.manual_seed(0)
    GPT2Model(GPT2Config(vocab_size=300, n_positions=160, n_embd=32, n_layer=1, n_head=2)).save_pretrained(
        tmp_path / "model"
    )
    tokenizer = train_tokenizer(["Alice joins Club 0 with Bob"], 300)
    assert isinstance(tokenizer, PreTrainedTokenizerFast)
    tokenizer.save_pretrained(tmp_path / "model")
    return tmp_path


def configured(root: Path) -> TrainConfig:
    data = {name: str(root / name) for name in ("features", "captions")}
    data |= {"path": str(root / "posts"), "types": str(root / "types.jsonl")}
    words = [*TINY, f"language_model={root / 'model'}", "optim.epochs=1", "model.plm=frozen"]
    return resolve_config("demo", None, words, data)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda r: change_row(r / "posts" / "train.jsonl", tokens=TOKENS), ["sentences of the training split"]),
        (lambda r: change_row(r / "posts" / "val.jsonl", tokens=TOKENS), ["sentences of the validation split"]),
        (
            lambda r: change_row(r / "posts" / "val.jsonl", tail={"text": "Bob", "span": [5, 6]}),
            ["mentions of the validation split", "sentences of the validation split"],  # markers stand in the sentence
        ),
        (
            lambda r: change_row(r / "posts" / "val.jsonl", relation=RELATIONS[0]),
            ["entity types of the validation split", "relations of the validation split"],
        ),
        (swap_relations, ["entity types of the training split", "relations of the training split"]),
        (lambda r: change_row(r / "posts" / "val.jsonl", image="train-0.png"), ["photos of the validation split"]),
        (other_weights, ["language model"]),
    ],
)
def test_a_changed_input_is_refused_by_name(root: Path, change: Callable[[Path], None], named: list[str]) -> None:
    train(TrainSettings(configured(root), root / "run", "cpu"))
    train(TrainSettings(configured(root), root / "run", "cpu", resume=True))
    change(root)
    with pytest.raises(UserError) as refused:
        train(TrainSettings(configured(root), root / "run", "cpu", resume=True))
    assert f"has changed ({', '.join(named)})" in str(refused.value)


@pytest.mark.parametrize(("change", "named"), [({"words": "a painting of"}, "captions"), ({"shift": 1.0}, "features")])
def test_changed_captions_and_features_are_refused_by_name(root: Path, change: dict[str, Any], named: str) -> None:
    """Made by the same settings, from the same photos."""
    config = configured(root)
    train(TrainSettings(config, root / "run", "cpu"))
    train(TrainSettings(config, root / "run", "cpu", resume=True))
    for folder in ("features", "captions"):
        shutil.rmtree(root / folder)
    write_shards(root / "posts", root / "features", root / "captions", **change)
    with pytest.raises(UserError, match=rf"has changed \({named}\)"):
        train(TrainSettings(config, root / "run", "cpu", resume=True))


def test_a_run_of_an_older_version_knows_no_digests_and_goes_on(root: Path) -> None:
    config = configured(root)
    train(TrainSettings(config, root / "run", "cpu"))
    facts = read_record(root / "run" / "data.json")
    facts.pop("digests")
    write_record(root / "run" / "data.json", facts)
    train(TrainSettings(config, root / "run", "cpu", resume=True))
