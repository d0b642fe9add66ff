"""SIGKILL and SIGTERM at random steps of a training, then the same again: the weights of one that was left alone.

`DGF_SEED=17` repeats a failure: each test prints the seed that it drew its steps by.
"""

import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from dgf.workflows.config import TrainConfig, dump_config, resolve_config
from dgf.workflows.training.checkpoints import load_training_state
from dgf.workflows.training.run_folder import RunFolder
from support import ENVIRONMENT
from support.disturbed_training import train_until
from support.small_world import TINY, write_posts, write_shards

EPOCHS, STEPS = 8, 3
INTERVAL = 2
"""Steps between two checkpoints inside an epoch."""


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> TrainConfig:
    """All of the language model is trained, with dropout; three steps an epoch."""
    root = tmp_path_factory.mktemp("disturbed")
    write_posts(root / "posts")
    write_shards(root / "posts", root / "features", root / "captions")
    data = {name: str(root / name) for name in ("features", "captions")} | {"path": str(root / "posts")}
    words = [
        *TINY,
        f"optim.epochs={EPOCHS}",
        f"optim.checkpoint_every={INTERVAL}",
        "model.plm=full",
        "model.dropout=0.3",
    ]
    return resolve_config("demo", None, words, data)


@pytest.fixture(scope="module")
def undisturbed(config: TrainConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("undisturbed") / "run"
    assert disturb(config, out, None, 0) == 0
    return out


@pytest.mark.slow
def test_the_command_ends_with_143_and_says_how_to_go_on(config: TrainConfig, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(dump_config(replace(config, optim=replace(config.optim, epochs=5000))))
    words = [
        "train",
        config.data.path,
        "--config",
        tmp_path / "config.yaml",
        "--out",
        tmp_path / "run",
        "--device",
        "cpu",
    ]
    command = [sys.executable, "-m", "dgf.cli", *map(str, words)]
    with subprocess.Popen(command, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True) as process:
        while not RunFolder(tmp_path / "run").last.is_file():
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=120)
    assert process.returncode == 143
    assert "asked to end (SIGTERM), saved" in said and f"dgf train --resume --out {tmp_path / 'run'}" in said
    assert "Traceback" not in said


def disturb(config: TrainConfig, out: Path, step: int | None, number: int) -> int | None:
    """Trains in a process of its own, with a signal after a step of it; returns its exit code.

    It is forked from one that has imported everything, so that it starts at once.
    """
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload(["dgf.workflows.train"])
    process = server.Process(target=train_until, args=(config, out, step, number))
    process.start()
    process.join(300)
    return process.exitcode


def steps_saved(out: Path) -> int:
    """Steps of the whole run that its last checkpoint holds."""
    if not RunFolder(out).last.is_file():
        return 0
    progress = load_training_state(RunFolder(out).last)["progress"]
    return int(progress["epoch"] * STEPS + progress["step"])


def story_of(run: Path) -> list[dict[str, object]]:
    """The lines of `metrics.jsonl` without what the clock says."""
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [{key: line[key] for key in ("epoch", "loss", "val", "learning_rates")} for line in lines]


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize(("number", "times", "code"), [(signal.SIGKILL, 10, -9), (signal.SIGTERM, 5, 143)])
def test_a_training_disturbed_at_random_steps_ends_in_the_same_weights(
    number: signal.Signals, times: int, code: int, config: TrainConfig, undisturbed: Path, tmp_path: Path
) -> None:
    seed = int(os.environ.get("DGF_SEED", random.SystemRandom().randrange(10_000)))
    moments, out = random.Random(seed), tmp_path / "run"
    print(f"DGF_SEED={seed}")
    for _ in range(times):
        before = steps_saved(out)
        step = moments.randint(1, min(2 * INTERVAL, EPOCHS * STEPS - before - 1))
        assert disturb(config, out, step, number) == code
        lost = before + step - steps_saved(out)
        assert 0 <= lost <= (INTERVAL if number == signal.SIGKILL else 0), (
            f"{lost} steps are lost, {step} from {before}"
        )
        print(f"{number.name} {step} steps after step {before}: {lost} lost")
        if steps_saved(out) >= EPOCHS * STEPS - 2 * INTERVAL:
            assert disturb(config, out, None, 0) == 0
            compare(out, undisturbed)
            out = tmp_path / f"run-from-{moments.random()}"
    assert not (out / "model.json").exists()
    assert disturb(config, out, None, 0) == 0
    compare(out, undisturbed)


def compare(out: Path, undisturbed: Path) -> None:
    found, expected = (load_file(run / "model.safetensors") for run in (out, undisturbed))
    assert found.keys() == expected.keys()
    assert [name for name, tensor in expected.items() if not torch.equal(found[name], tensor)] == []
    assert story_of(out) == story_of(undisturbed)
    assert not list(out.rglob(".part-*"))
