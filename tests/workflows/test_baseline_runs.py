"""Every system that learns, by `dgf train` on shards that hold everything: a killed run ends in the same weights."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.optim.optimizer import register_optimizer_step_post_hook

from dgf.model.baselines.configs import BASELINES
from dgf.model.checkpoint import load_model
from dgf.workflows.config import resolve_config
from dgf.workflows.reproduce.tiny_world import write_tiny_world
from dgf.workflows.train import TrainSettings, train
from dgf.workflows.training.checkpoints import load_training_state
from dgf.workflows.training.run_folder import RunFolder

BERT = "random:bert?num_hidden_layers=1&hidden_size=32&num_attention_heads=4&intermediate_size=32&vocab_size=300"
SYSTEMS = ("cnn", "pcnn", "mtb", "bert-sg", "bert-sg-att", "mega", "hvpnet", "visualbert")
STEPS, KILLED_AT = 6, 5
"""Three an epoch; each is saved after it was taken, so that the fifth is taken twice."""


class KilledError(Exception):
    """Ends a training in a step."""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return write_tiny_world(tmp_path_factory.mktemp("world"))


def test_no_baseline_is_left_out() -> None:
    """Prompting, which takes other language models, is in `test_prompt_runs`."""
    assert sorted([*SYSTEMS, "prompt"]) == sorted(BASELINES)


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_killed_run_goes_on_to_the_same_weights(name: str, data: dict[str, str], tmp_path: Path) -> None:
    words = {
        "cnn": ["language_model=words", "model.places=20"],
        "pcnn": ["language_model=words", "model.places=20"],
        "mega": [f"language_model={BERT}", "model.places=32", "data.max_length=32"],
    }.get(name, [f"language_model={BERT}"])
    small = ("optim.batch_size=8", "optim.epochs=2", "optim.checkpoint_every=1")
    config = resolve_config("demo", None, [f"model.name={name}", *words, *small], data)
    train(TrainSettings(config, tmp_path / "whole", "cpu"))
    steps = [0]

    def count(*_: Any) -> None:
        steps[0] += 1
        if steps[0] == KILLED_AT:
            raise KilledError

    hook = register_optimizer_step_post_hook(count)
    try:
        with pytest.raises(KilledError):
            train(TrainSettings(config, tmp_path / "killed", "cpu"))
        assert not (tmp_path / "killed" / "model.safetensors").exists()
        train(TrainSettings(config, tmp_path / "killed", "cpu", resume=True))
    finally:
        hook.remove()
    assert steps[0] == STEPS + 1, "it went on where it was, and did not begin again"
    for weights in (best_weights, last_weights):  # the best epoch may be one before the kill
        whole, killed = (weights(tmp_path / run) for run in ("whole", "killed"))
        assert whole.keys() == killed.keys() and all(torch.equal(whole[key], killed[key]) for key in whole)
    one, other = (load_model(tmp_path / run).language_model.tokenizer.get_vocab() for run in ("whole", "killed"))
    assert one == other


def best_weights(run: Path) -> dict[str, Tensor]:
    return load_file(run / "model.safetensors")


def last_weights(run: Path) -> dict[str, Tensor]:
    return dict(load_training_state(RunFolder(run).last)["network"])
