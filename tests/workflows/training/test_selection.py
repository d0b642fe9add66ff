import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from dgf.workflows import train as workflow
from dgf.workflows.config import resolve_config
from dgf.workflows.scoring import Scores, score
from dgf.workflows.training import loop
from support.small_world import RELATIONS, TINY, write_posts, write_shards

F1 = (0.2, 0.8, 0.5)
ACCURACY = (0.9, 0.5, 0.6)
MACRO_F1 = (0.3, 0.1, 0.7)
TIMED = ("rows_per_second", "seconds", "seconds_waited")
SLOW = ("seed=3", "optim.learning_rate=3e-4", "optim.lm_learning_rate=3e-4", "optim.warmup=1")


@dataclass(frozen=True)
class Run:
    """A finished run; `weights` are the network's after each epoch, where they were recorded."""

    folder: Path
    best_epoch: int
    best_f1: float
    weights: tuple[Mapping[str, Tensor], ...] = ()

    @property
    def epochs(self) -> list[dict[str, Any]]:
        """Lines of `metrics.jsonl` without what the clock says."""
        lines = [json.loads(line) for line in (self.folder / "metrics.jsonl").read_text().splitlines()]
        return [{key: value for key, value in line.items() if key not in TIMED} for line in lines]

    @property
    def tokenizer(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in (self.folder / "tokenizer").iterdir()}

    @property
    def vocabulary(self) -> set[str]:
        return set(json.loads(self.tokenizer["tokenizer.json"])["model"]["vocab"])


def train(posts: Path, shards: Path, out: Path, epochs: int) -> Run:
    data = {"path": str(posts), "features": str(shards / "features"), "captions": str(shards / "captions")}
    config = resolve_config("demo", None, [*TINY, *SLOW, f"optim.epochs={epochs}"], data)
    summary = workflow.train(workflow.TrainSettings(config, out, "cpu"))
    return Run(summary.out, summary.best_epoch, summary.best_f1)


def train_with_figures(patch: pytest.MonkeyPatch, posts: Path, shards: Path, out: Path) -> Run:
    """A run whose validation says what `F1`, `ACCURACY` and `MACRO_F1` say, epoch by epoch."""
    weights: list[Mapping[str, Tensor]] = []
    any_scores = score([1], [1], RELATIONS, 0)

    def figures(trainer: loop.Trainer, _: object) -> Scores:
        epoch = len(weights)
        weights.append({name: tensor.clone() for name, tensor in trainer.model.state_dict().items()})
        return replace(any_scores, f1=F1[epoch], accuracy=ACCURACY[epoch], macro_f1=MACRO_F1[epoch])

    patch.setattr(loop, "validation_scores", figures)
    return replace(train(posts, shards, out, len(F1)), weights=tuple(weights))


def change_rows(posts: Path, split: str, word: str, **changes: str) -> None:
    """Ends every sentence of a split with a word, and changes other keys of its rows."""
    file = posts / f"{split}.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    file.write_text("".join(json.dumps({**row, "tokens": [*row["tokens"], word], **changes}) + "\n" for row in rows))


def same(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Posts of one relation, shards, and posts that differ from them in every row of the test split and nowhere else.

    On the posts' validation rows F1 rises from 0 to 1; where every relation is None it stays 0.
    """
    root = tmp_path_factory.mktemp("selection")
    for name in ("posts", "altered"):
        write_posts(root / name, relations=RELATIONS[-1:])
        change_rows(root / name, "val", "Quagmire")
    change_rows(root / "altered", "test", "Zeppelin", relation="None", image="train-0.png")
    write_shards(root / "posts", root / "features", root / "captions")
    return root


@pytest.fixture(scope="module")
def pair(root: Path) -> tuple[Run, Run]:
    """Runs on the posts and on those with another test split."""
    first, second = (train(root / name, root, root / f"of-{name}", epochs=4) for name in ("posts", "altered"))
    return first, second


@pytest.fixture(scope="module")
def chosen(root: Path) -> Iterator[Run]:
    with pytest.MonkeyPatch.context() as patch:
        yield train_with_figures(patch, root / "posts", root, root / "chosen")


def test_no_row_of_the_test_split_has_a_say_in_weights_or_metrics(pair: tuple[Run, Run]) -> None:
    first, second = pair
    assert first.best_epoch > 1, "the altered split would choose the first epoch, so the posts must choose another"
    assert first.epochs == second.epochs
    assert (first.best_epoch, first.best_f1) == (second.best_epoch, second.best_f1)
    for name in ("model.safetensors", "model.json"):
        assert (first.folder / name).read_bytes() == (second.folder / name).read_bytes()


def test_the_tokenizer_is_learned_from_the_training_sentences_alone(pair: tuple[Run, Run]) -> None:
    first, second = pair
    assert first.tokenizer == second.tokenizer
    assert "ĠClub" in first.vocabulary
    assert not {"ĠQuagmire", "ĠZeppelin"} & second.vocabulary


def test_the_best_epoch_is_that_of_the_best_f1_whatever_loss_and_accuracy_say(chosen: Run) -> None:
    losses = [epoch["loss"]["total"] for epoch in chosen.epochs]
    assert losses == sorted(losses, reverse=True), "the loss must favor the last epoch"
    assert [epoch["val"]["f1"] for epoch in chosen.epochs] == list(F1)
    assert (chosen.best_epoch, chosen.best_f1) == (2, 0.8)


def test_the_saved_network_is_that_of_the_best_epoch_and_not_the_last(chosen: Run) -> None:
    saved = load_file(chosen.folder / "model.safetensors")
    assert [same(saved, weights) for weights in chosen.weights] == [False, True, False]
