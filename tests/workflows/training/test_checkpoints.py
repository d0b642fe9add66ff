import itertools
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from dgf.pipeline.errors import UserError
from dgf.workflows.config import TrainConfig, resolve_config
from dgf.workflows.train import TrainSettings, train
from dgf.workflows.training import checkpoints, loop
from dgf.workflows.training.checkpoints import CheckpointClock, load_training_state, restore_random, save_training_state
from dgf.workflows.training.processes import Processes
from dgf.workflows.training.run_folder import RunFolder
from support.small_world import TINY, write_posts


def text_config(root: Path, *words: str) -> TrainConfig:
    data = {"path": str(write_posts(root / "posts")), "missing_images": "text-only"}
    return resolve_config("demo", None, [*TINY, *words], data)


@pytest.mark.parametrize(
    ("word", "value"), [("10m", "10m"), ("0.5m", "0.5m"), ("500", 500), ("none", None), ("null", None)]
)
def test_the_interval_of_checkpoints_is_minutes_or_steps(word: str, value: object) -> None:
    assert resolve_config(overrides=[f"optim.checkpoint_every={word}"]).optim.checkpoint_every == value


@pytest.mark.parametrize("word", ["10s", "0", "0m", "-3", "1.5", "m", "true", "1e3", "[1]", "10 m"])
def test_another_interval_is_refused_in_words(word: str) -> None:
    with pytest.raises(
        UserError, match=r"optim\.checkpoint_every: (.* is neither minutes, such as 10m, nor steps|must be)"
    ):
        resolve_config(overrides=[f"optim.checkpoint_every={word}"])


def test_the_clock_counts_steps_minutes_or_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(checkpoints.time, "monotonic", lambda: now[0])
    steps = CheckpointClock(3)
    assert [steps.tick() for _ in range(3)] == [False, False, True]
    steps.restart()
    assert [steps.tick() for _ in range(3)] == [False, False, True]
    minutes, never = CheckpointClock("1.5m"), CheckpointClock(None)
    minutes.restart()
    now[0] = 89.0
    assert not minutes.tick()
    now[0] = 91.0
    assert minutes.tick() and not never.tick()
    minutes.restart()
    assert not minutes.tick()


def test_a_run_that_diverged_is_never_saved_and_says_in_which_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = text_config(tmp_path, "optim.epochs=3", "optim.checkpoint_every=1")
    steps = [0]
    loss = torch.nn.utils.clip_grad_norm_

    def broken(parameters: list[torch.nn.Parameter], most: float) -> torch.Tensor:
        steps[0] += 1
        if steps[0] == 5 and parameters[0].grad is not None:  # the second step of the second epoch
            parameters[0].grad.fill_(torch.nan)
        return loss(parameters, most)

    monkeypatch.setattr(torch.nn.utils, "clip_grad_norm_", broken)
    with pytest.raises(UserError, match="training diverged in epoch 2: the gradient is nan"):
        train(TrainSettings(config, tmp_path / "run", "cpu"))
    last = load_training_state(RunFolder(tmp_path / "run").last)
    assert (last["progress"]["epoch"], last["progress"]["step"]) == (1, 1)
    assert all(tensor.isfinite().all() for tensor in last["network"].values())


def test_a_run_that_diverged_at_its_last_steps_is_not_saved_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = text_config(tmp_path, "optim.epochs=1", "optim.checkpoint_every=none")
    monkeypatch.setattr(torch.nn.utils, "clip_grad_norm_", lambda *_: torch.tensor(torch.inf))
    with pytest.raises(UserError, match="training diverged in epoch 1: the gradient is inf"):
        train(TrainSettings(config, tmp_path / "run", "cpu"))
    assert not RunFolder(tmp_path / "run").last.exists() and not RunFolder(tmp_path / "run").best.exists()


def test_metrics_lost_in_the_last_lines_come_back_from_the_checkpoint(tmp_path: Path) -> None:
    config = text_config(tmp_path, "optim.epochs=2")
    train(TrainSettings(config, tmp_path / "run", "cpu"))
    metrics = tmp_path / "run" / "metrics.jsonl"
    whole = metrics.read_text()
    metrics.write_text("".join(whole.splitlines(keepends=True)[:1]))
    train(TrainSettings(config, tmp_path / "run", "cpu", resume=True))
    assert metrics.read_text() == whole
    assert len(whole.splitlines()) == 2 and json.loads(whole.splitlines()[1])["epoch"] == 2


def test_a_state_of_random_numbers_comes_back() -> None:
    before = torch.get_rng_state()
    drawn = torch.rand(3)
    restore_random(before, torch.device("cpu"))
    assert torch.equal(torch.rand(3), drawn)


def test_every_process_draws_numbers_of_its_own_in_every_epoch() -> None:
    drawn = set()
    with torch.random.fork_rng():
        for rank, epoch in itertools.product(range(3), range(1, 4)):
            trainer: Any = SimpleNamespace(config=resolve_config(), processes=Processes(rank, 3))
            checkpoints.seed_epoch(trainer, epoch)
            drawn.add(float(torch.rand(())))
    assert len(drawn) == 9


def test_the_order_of_rows_stays_when_memory_grows_scarce(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether features fit is asked when a run begins; a run that goes on keeps its order."""
    config = text_config(tmp_path, "optim.epochs=2")
    train(TrainSettings(config, tmp_path / "run", "cpu"))
    last = RunFolder(tmp_path / "run").last
    state = load_training_state(last)
    assert state["progress"]["stream"] is False
    state["progress"] |= {"epoch": 1, "stream": True, "metrics": state["progress"]["metrics"][:1]}
    save_training_state(last, state)
    asked: list[bool] = []
    batches = loop.epoch_batches

    def order(*given: object, stream: bool) -> object:
        asked.append(stream)
        return batches(*given, stream=stream)  # type: ignore[arg-type]

    monkeypatch.setattr(loop, "epoch_batches", order)
    train(TrainSettings(config, tmp_path / "run", "cpu", resume=True))
    assert asked == [True]


@pytest.mark.parametrize(
    "wrong",
    [
        {"step": "two"},
        {"step": -1},
        {"metrics": []},
        {"metrics": [{"epoch": 1}]},
        {"sums": {"total": "much"}},
        {"bar": 1},
    ],
)
def test_a_checkpoint_that_says_something_else_is_refused(tmp_path: Path, wrong: dict[str, object]) -> None:
    config = text_config(tmp_path, "optim.epochs=1")
    train(TrainSettings(config, tmp_path / "run", "cpu"))
    last = RunFolder(tmp_path / "run").last
    state = load_training_state(last)
    state["progress"] |= wrong
    save_training_state(last, state)
    with pytest.raises(UserError, match=r"last\.pt: does not fit this run"):
        train(TrainSettings(config, tmp_path / "run", "cpu", resume=True))
