"""One training on one process and on several: the same losses, step by step, and the same model."""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import psutil
import pytest
import torch
from safetensors.torch import load_file

from dgf.workflows.training.checkpoints import load_training_state
from dgf.workflows.training.run_folder import RunFolder
from support import ENVIRONMENT
from support.small_world import write_posts, write_shards

EPOCHS = 17  # of three steps: 51
WORDS = (
    "language_model=random:gpt2?n_layer=1&n_embd=32&n_head=2&resid_pdrop=0.0&embd_pdrop=0.0&attn_pdrop=0.0",
    *(
        "model.dropout=0",
        "model.photo_dropout=0",
        "model.plm=full",
        "model.prefix_hidden=8",
        "optim.adversarial=0.5",
        "optim.batch_size=4",
        f"optim.epochs={EPOCHS}",
    ),
    *("optim.learning_rate=2e-4", "optim.lm_learning_rate=5e-5"),
)
"""The paper's rates. Dropout would draw other numbers in each process."""

DGF = (sys.executable, "-m", "dgf.cli")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Few rows have a photo, so that there are steps in which one process alone, or none, uses the visual layers."""
    root = tmp_path_factory.mktemp("processes")
    write_posts(root / "posts", without=("train-1.png", "train-2.png", "train-4.png", "train-5.png"))
    write_shards(root / "posts", root / "features", root / "captions")
    return root


@pytest.fixture(scope="module")
def alone(world: Path) -> Path:
    return train(world, "alone", DGF)


def train(world: Path, name: str, start: Sequence[str], *words: str) -> Path:
    out = world / name
    folders = ["--features", world / "features", "--captions", world / "captions", "--out", out]
    options = ["--preset", "demo", "--missing-images", "text-only", "--device", "cpu"]
    command = [*start, "train", world / "posts", *WORDS, *folders, *options, *words]
    done = subprocess.run(
        list(map(str, command)), env=ENVIRONMENT, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("next: dgf eval") == 1, "one process reports"
    return out


def losses(run: Path) -> torch.Tensor:
    lines = [json.loads(line)["loss"] for line in (run / "metrics.jsonl").read_text().splitlines()]
    return torch.tensor([list(line.values()) for line in lines], dtype=torch.float64)


@pytest.mark.slow
@pytest.mark.parametrize("count", [2, pytest.param(3, marks=pytest.mark.long)])
def test_several_processes_find_the_losses_of_one(world: Path, alone: Path, count: int) -> None:
    """Three share a batch of four unevenly."""
    several = train(world, f"several-{count}", DGF, "--processes", str(count))
    assert losses(several).shape == (EPOCHS, 5)
    torch.testing.assert_close(losses(several), losses(alone), rtol=0, atol=1e-5)
    assert json.loads((several / "summary.json").read_text())["processes"] == count
    found, expected = (load_file(run / "model.safetensors") for run in (several, alone))
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name], tensor, rtol=0, atol=1e-4, msg=name)


@pytest.mark.long
def test_torchrun_starts_them_too(world: Path, alone: Path) -> None:
    """As `accelerate launch` does: both name each process by the same variables."""
    start = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "dgf.cli")
    run = train(world, "torchrun", start)
    assert json.loads((run / "summary.json").read_text())["processes"] == 2
    torch.testing.assert_close(losses(run), losses(alone), rtol=0, atol=1e-5)


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.parametrize("where", ["step", "validation", "helper"])
def test_several_processes_go_on_inside_an_epoch_and_its_validation(where: str, world: Path, tmp_path: Path) -> None:
    """With dropout, whose numbers each process draws for itself."""
    words = ["model.dropout=0.3", "optim.epochs=2", "optim.checkpoint_every=1", "--processes", "2"]
    undisturbed, stopped = train(world, f"undisturbed-{where}", DGF, *words), tmp_path / "run"
    folders = [str(undisturbed), str(stopped)]
    command = [sys.executable, "-m", "support.stopped_processes", *folders, where]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    for found, expected in (
        (load_file(run / "model.safetensors") for run in (stopped, undisturbed)),
        (load_training_state(RunFolder(run).last)["network"] for run in (stopped, undisturbed)),  # or of one before
    ):
        assert [name for name, tensor in expected.items() if not torch.equal(found[name], tensor)] == []


@pytest.mark.slow
def test_a_process_that_dies_ends_the_others_in_words(world: Path, tmp_path: Path) -> None:
    words = [*WORDS, "optim.epochs=5000", "--missing-images", "text-only", "--device", "cpu", "--processes", "3"]
    command = [*DGF, "train", str(world / "posts"), *words, "--out", str(tmp_path / "run")]
    with subprocess.Popen(command, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True) as process:
        while not (tmp_path / "run" / "metrics.jsonl").is_file():
            assert process.poll() is None
            time.sleep(0.05)
        family = psutil.Process(process.pid).children(recursive=True)
        helpers = [child for child in family if "spawn_main" in " ".join(child.cmdline())]
        assert len(helpers) == 2
        helpers[0].kill()
        try:
            _, said = process.communicate(timeout=120)
        finally:
            process.kill()
    assert process.returncode == 1
    assert "of the training died with code -9" in said and "Traceback" not in said
    _, alive = psutil.wait_procs(family, timeout=60)
    assert not alive
