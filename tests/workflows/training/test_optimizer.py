from typing import Any

import pytest
import torch
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from dgf.model.dgf_pt.config import ModelConfig
from dgf.model.dgf_pt.network import DGF
from dgf.model.labels import LabelSpace
from dgf.model.language_models import load_language_model
from dgf.workflows.config import OptimConfig
from dgf.workflows.training.optimizer import make_optimizer
from support.small_world import RELATIONS

LANGUAGE_MODEL = "random:gpt2?n_layer=1&n_embd=32&n_head=2&vocab_size=60&bos_token_id=0&eos_token_id=0"
NEW, OLD, TEMPERATURE, DECAY = 0.2, 0.04, 0.1, 0.01
ROWS = 45


def build(plm: str, schedule: str = "linear", **keys: Any) -> tuple[DGF, set[int], Optimizer, LRScheduler]:
    """A network, the ids of its language model's weights, and an optimizer of 20 steps, 4 of them warm-up."""
    language_model = load_language_model(LANGUAGE_MODEL)
    own = {id(parameter) for parameter in language_model.model.parameters()}
    config = ModelConfig(plm=plm, prefix_hidden=8, markers=True)
    network = DGF(config, LabelSpace.from_relations(RELATIONS), language_model, object_dim=6, block_shape=(3, 5))
    optim = OptimConfig(
        epochs=4,
        batch_size=10,
        learning_rate=NEW,
        lm_learning_rate=OLD,
        temperature_rate=TEMPERATURE,
        weight_decay=DECAY,
        warmup=0.2,
        schedule=schedule,
        **keys,
    )
    return network, own, *make_optimizer(network, optim, ROWS)


@pytest.mark.parametrize("plm", ["frozen", "lora", "full"])
def test_the_language_model_and_the_new_layers_have_their_own_rates_and_only_matrices_decay(plm: str) -> None:
    network, own, optimizer, _ = build(plm)
    found = {
        id(parameter): (group["initial_lr"], group["weight_decay"])
        for group in optimizer.param_groups
        for parameter in group["params"]
    }
    expected = {
        id(parameter): (
            OLD if id(parameter) in own or "lora_" in name else TEMPERATURE if "temperature" in name else NEW,
            DECAY if parameter.ndim > 1 else 0.0,
        )
        for name, parameter in network.named_parameters()
        if parameter.requires_grad
    }
    assert found == expected
    assert sum(len(group["params"]) for group in optimizer.param_groups) == len(expected)
    of_language_model = {"frozen": set(), "lora": {(OLD, DECAY)}, "full": {(OLD, DECAY), (OLD, 0.0)}}[plm]
    assert set(found.values()) == {(NEW, DECAY), (NEW, 0.0), (TEMPERATURE, 0.0)} | of_language_model


@pytest.mark.parametrize(
    ("schedule", "factors"),
    [
        ("linear", {0: 0.25, 1: 0.5, 2: 0.75, 3: 1.0, 4: 1.0, 8: 0.75, 12: 0.5, 16: 0.25, 19: 0.0625, 20: 0.0}),
        ("constant", {0: 0.25, 1: 0.5, 2: 0.75, 3: 1.0, 4: 1.0, 12: 1.0, 19: 1.0, 20: 1.0}),
    ],
)
def test_the_rate_rises_over_the_warm_up_and_then_falls_to_zero_or_stays(
    schedule: str, factors: dict[int, float]
) -> None:
    _, _, optimizer, scheduler = build("full", schedule)
    rates = []
    for _ in range(21):
        rates.append({group["initial_lr"]: group["lr"] for group in optimizer.param_groups})
        optimizer.step()
        scheduler.step()
    for step, factor in factors.items():
        assert rates[step] == pytest.approx({NEW: factor * 0.2, OLD: factor * 0.04, TEMPERATURE: factor * 0.1}), step


def test_a_number_of_warm_up_steps_stands_in_place_of_the_share() -> None:
    _, _, optimizer, scheduler = build("full", warmup_steps=8)
    rates = []
    for _ in range(21):
        rates.append(next(group["lr"] for group in optimizer.param_groups if group["initial_lr"] == NEW))
        optimizer.step()
        scheduler.step()
    assert rates[:9] == pytest.approx([NEW * min(1, (step + 1) / 8) for step in range(9)])
    assert rates[14] == pytest.approx(NEW / 2) and rates[20] == 0


def test_all_weights_decay_where_asked_for() -> None:
    _, _, optimizer, _ = build("full", decay="all")
    assert {group["weight_decay"] for group in optimizer.param_groups} == {DECAY}


def test_sgd_moves_weights_against_gradient_and_decay_alone() -> None:
    network, _, optimizer, _ = build("full", optimizer="sgd", schedule="constant", warmup_steps=1, decay="all")
    parameter = max(network.parameters(), key=torch.numel)
    [rate] = [g["lr"] for g in optimizer.param_groups if any(p is parameter for p in g["params"])]
    before, gradient = parameter.detach().clone(), torch.randn_like(parameter)
    for _ in range(2):  # a second step shows momentum
        expected = parameter.detach() - rate * (gradient + DECAY * parameter.detach())
        parameter.grad = gradient.clone()
        optimizer.step()
        torch.testing.assert_close(parameter.detach(), expected)
    assert not torch.equal(parameter, before)
