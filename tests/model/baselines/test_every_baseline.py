"""What every system must do, from its demo preset: learn, read no label, answer each row by itself, be saved, go on."""

import json
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch.optim.optimizer import register_optimizer_step_post_hook

from dgf.model.batch import Batch
from dgf.model.checkpoint import load_model, save_model
from dgf.model.interface import RelationModel
from dgf.workflows.config import TrainConfig, resolve_config
from dgf.workflows.data import BatchMaker, open_corpus, prepare_splits, read_configured
from dgf.workflows.train import TrainSettings, train
from support.small_world import RELATIONS

BERT = (
    "language_model=random:bert?num_hidden_layers=2&hidden_size=32&num_attention_heads=4&intermediate_size=64"
    "&vocab_size=600"
)
CONVOLUTION = ("model.places=20", "model.filters=32", "optim.learning_rate=5e-3", "optim.lm_learning_rate=2e-2")
BASELINES: Sequence[tuple[str, Sequence[str]]] = (
    ("cnn", CONVOLUTION),
    ("pcnn", CONVOLUTION),
    ("mtb", (BERT, "optim.learning_rate=3e-3", "optim.lm_learning_rate=2e-3")),
)
"""By name, the words that make the demo preset smaller still."""

ROWS = 32
EVERY = pytest.mark.parametrize(("name", "words"), BASELINES, ids=[name for name, _ in BASELINES])


class KilledError(Exception):
    """Ends a training after a step."""


@pytest.fixture(scope="module")
def posts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rows of every length up to sixteen words, mentions anywhere in them, relations without a reason."""
    root, draws = tmp_path_factory.mktemp("posts"), random.Random(0)
    (root / "relations.json").write_text(json.dumps({name: i for i, name in enumerate(RELATIONS)}))
    rows = []
    for i in range(ROWS):
        tokens = [f"w{draws.randrange(40)}" for _ in range(4 + i % 13)]
        spans = [[start, min(len(tokens), start + 1 + i % 3)] for start in draws.sample(range(len(tokens)), 2)]
        sides = {
            side: {"text": " ".join(tokens[a:b]), "span": [a, b]}
            for side, (a, b) in zip(("head", "tail"), spans, strict=True)
        }
        rows.append({"tokens": tokens, **sides, "relation": draws.choice(RELATIONS)})
    for split in ("train", "val", "test"):
        (root / f"{split}.jsonl").write_text(
            "".join(json.dumps({"id": f"{split}:{i}", **row}) + "\n" for i, row in enumerate(rows))
        )
    return root


def configured(posts: Path, name: str, words: Sequence[str], *more: str) -> TrainConfig:
    data = {"path": str(posts), "missing_images": "text-only"}
    return resolve_config("demo", None, [f"model.name={name}", "optim.batch_size=8", *words, *more], data)


@pytest.fixture(scope="module")
def trained(posts: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A trained model of a system and its rows; each system is trained once."""
    done: dict[str, tuple[RelationModel, BatchMaker]] = {}

    def of(name: str, words: Sequence[str]) -> tuple[RelationModel, BatchMaker]:
        if name not in done:
            config = configured(posts, name, words, "optim.epochs=40", "model.dropout=0")
            run = tmp_path_factory.mktemp("runs") / name
            train(TrainSettings(config, run, "cpu"))
            model, device = load_model(run), torch.device("cpu")
            corpus = open_corpus(config, read_configured(config.data), device)
            splits = prepare_splits(corpus, {"test": corpus.split("test")}, model, config, device, pool=False)
            done[name] = model, splits["test"].batches
        return done[name]

    return of


@torch.no_grad()
def answer(model: RelationModel, batch: Batch) -> torch.Tensor:
    return model(batch).log_probs


@EVERY
def test_it_learns_rows_by_heart(name: str, words: Sequence[str], trained: Any) -> None:
    model, batches = trained(name, words)
    batch = batches(np.arange(ROWS))
    assert torch.equal(answer(model, batch).argmax(1), batch.relations)


@EVERY
def test_no_label_reaches_its_answers(name: str, words: Sequence[str], trained: Any) -> None:
    model, batches = trained(name, words)
    batch = batches(np.arange(ROWS))
    others = replace(
        batch,
        relations=(batch.relations + 1) % len(RELATIONS),
        type_targets=torch.zeros_like(batch.type_targets),
        sentences=torch.zeros_like(batch.sentences),
    )
    assert torch.equal(answer(model, batch), answer(model, others))


@EVERY
def test_padding_and_the_other_rows_of_a_batch_change_no_answer(name: str, words: Sequence[str], trained: Any) -> None:
    model, batches = trained(name, words)
    together = answer(model, batches(np.arange(ROWS)))
    alone = torch.cat([answer(model, batches(np.array([i]))) for i in range(ROWS)])
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-5)


@EVERY
def test_what_is_saved_answers_as_before(name: str, words: Sequence[str], trained: Any, tmp_path: Path) -> None:
    model, batches = trained(name, words)
    save_model(model, tmp_path / "saved")
    loaded, batch = load_model(tmp_path / "saved"), batches(np.arange(ROWS))
    assert type(loaded) is type(model) and loaded.config == model.config
    assert torch.equal(answer(model, batch), answer(loaded, batch))
    assert loaded.language_model.tokenizer.get_vocab() == model.language_model.tokenizer.get_vocab()


@EVERY
def test_a_killed_run_goes_on_to_the_same_weights(name: str, words: Sequence[str], posts: Path, tmp_path: Path) -> None:
    config = configured(posts, name, words, "optim.epochs=2", "optim.checkpoint_every=1")
    train(TrainSettings(config, tmp_path / "whole", "cpu"))
    steps = [0]

    def count(*_: Any) -> None:
        steps[0] += 1
        if steps[0] == 6:  # in the second epoch
            raise KilledError

    handle = register_optimizer_step_post_hook(count)
    try:
        with pytest.raises(KilledError):
            train(TrainSettings(config, tmp_path / "killed", "cpu"))
        train(TrainSettings(config, tmp_path / "killed", "cpu", resume=True))
    finally:
        handle.remove()
    assert steps[0] == 6 + 3
    whole, killed = (load_file(tmp_path / run / "model.safetensors") for run in ("whole", "killed"))
    assert whole.keys() == killed.keys()
    assert all(torch.equal(whole[key], killed[key]) for key in whole)
