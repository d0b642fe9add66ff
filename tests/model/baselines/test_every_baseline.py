"""What every system must do: learn rows by heart, read no label, answer each row by itself, be saved and loaded.

Those that claim to read photos also learn what photos alone tell, and read a row without one as text.
"""

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

from dgf.model.baselines.configs import (
    BASELINES,
    BertSGAttConfig,
    BertSGConfig,
    CNNConfig,
    HVPNeTConfig,
    MegaConfig,
    MTBConfig,
    PCNNConfig,
    PromptConfig,
    VisualBERTConfig,
)
from dgf.model.checkpoint import load_model, save_model
from dgf.model.counterfactuals import measure_effects
from dgf.model.interface import RelationModel
from support.batches import select_rows
from support.fitting import accuracy, answers, fit
from support.photo_rows import alone, build, draw_rows, filled, without_photos

MEGA = {"dropout": 0.1, "places": 24, "objects": 4}
CONFIGS: dict[str, Any] = {
    "cnn": CNNConfig(dropout=0.1, places=24, filters=32),
    "pcnn": PCNNConfig(dropout=0.1, places=24, filters=32),
    "mtb": MTBConfig(dropout=0.1),
    "bert-sg": BertSGConfig(dropout=0.1),
    "bert-sg-att": BertSGAttConfig(dropout=0.1),
    "mega": MegaConfig(**MEGA),
    "mega as published": MegaConfig(**MEGA, alignment="as-published"),
    "mega masked": MegaConfig(**MEGA, mask_padding=True),
    "hvpnet": HVPNeTConfig(prefix_hidden=16),
    "hvpnet with every switch": HVPNeTConfig(
        prefix_hidden=16, slots="by-cell", head_layout="transposed", train_classifier=False
    ),
    "visualbert": VisualBERTConfig(),
}
SEEING = [name for name, config in CONFIGS.items() if config.reads.objects or config.reads.image]
TOLD = ["bert-sg", "bert-sg-att", "mega", "hvpnet", "visualbert"]
"""Those of which a model is fitted to what photos alone tell."""

EVERY = pytest.mark.parametrize("name", CONFIGS)
EVERY_SEEING = pytest.mark.parametrize("name", SEEING)
ROWS = 32


@cache
def by_heart(name: str) -> RelationModel:
    """A system fitted to some rows once, whatever tests ask for it."""
    rate = 1e-2 if CONFIGS[name].reads.word_vectors else 2e-3
    return fit(build(CONFIGS[name]), draw_rows(ROWS, 1), 150, rate=rate)


def test_no_baseline_is_left_out() -> None:
    """Prompting has tests of its own: it needs words, and learns no more than a bias and a temperature."""
    assert {type(config) for config in CONFIGS.values()} == {kind for kind, _ in BASELINES.values()} - {PromptConfig}
    assert {type(CONFIGS[name]) for name in TOLD} == {type(CONFIGS[name]) for name in SEEING}


@EVERY
def test_it_learns_rows_by_heart(name: str) -> None:
    assert accuracy(by_heart(name), draw_rows(ROWS, 1)) == 1.0


@pytest.mark.parametrize("name", TOLD)
def test_it_learns_what_photos_alone_tell_and_guesses_without_them(name: str) -> None:
    model, unseen = fit(build(CONFIGS[name]), draw_rows(1200, 1, "photo"), 300), draw_rows(400, 2, "photo")
    assert accuracy(model, unseen) > 0.9
    assert accuracy(model, without_photos(unseen)) < 0.35, "one of four relations is 0.25"


@EVERY
def test_it_reads_no_label(name: str) -> None:
    model, rows = by_heart(name), draw_rows(9, 3)
    others = rows.having(relations=(rows.relations + 1) % 4, type_targets=rows.type_targets.flip(0), sentences=None)
    assert torch.equal(answers(model, rows), answers(model, others))
    assert torch.equal(answers(model, rows), answers(model, rows.having(relations=None, type_targets=None)))


@EVERY
def test_padding_neighbors_and_what_is_masked_change_no_answer(name: str) -> None:
    model, rows = build(CONFIGS[name]), draw_rows(11, 4)
    whole = answers(model, rows)
    close(answers(model, filled(rows)), whole)
    for row in range(11):
        close(answers(model, alone(rows, row)), whole[row : row + 1])


@EVERY_SEEING
def test_a_row_without_a_photo_is_read_as_text_alone(name: str) -> None:
    model, rows = build(CONFIGS[name]), draw_rows(10, 5)
    text = answers(model, without_photos(rows))
    changed = (answers(model, rows) - text).abs().amax(1) > 1e-4
    assert changed.tolist() == [row % 5 > 0 for row in range(10)]
    nothing = rows.having(object_mask=torch.zeros_like(rows.object_mask), image_mask=torch.zeros_like(rows.image_mask))
    close(answers(model, nothing), text)
    bare = select_rows(rows, ~changed)
    assert not bare.has_image and not bare.has_objects
    close(answers(model, bare), text[[0, 5]])


@pytest.mark.parametrize("name", [name for name in CONFIGS if name not in SEEING])
def test_a_system_that_claims_to_read_no_photo_reads_none(name: str) -> None:
    model, rows = build(CONFIGS[name]), draw_rows(10, 5)
    assert torch.equal(answers(model, rows), answers(model, without_photos(rows)))


@EVERY_SEEING
def test_effects_are_measured_of_what_is_there(name: str) -> None:
    model, rows = build(CONFIGS[name]), draw_rows(10, 8)  # each effect is larger than float32's last digits
    if CONFIGS[name].reads.objects:
        rows = rows.having(blocks=None, image_mask=None)
    else:
        rows = rows.having(objects=None, object_mask=None)
    effects = measure_effects(model, rows, answers(model, rows), at_once=16)
    assert (effects.photo != 0).tolist() == [row % 5 > 0 for row in range(10)]
    if rows.object_mask is not None:
        assert (effects.objects != 0).tolist() == rows.object_mask.tolist()


@EVERY
def test_it_is_saved_and_loaded_exactly(name: str, tmp_path: Path) -> None:
    model, rows = by_heart(name), draw_rows(9, 8)
    save_model(model, tmp_path)
    again = load_model(tmp_path)
    assert type(again) is type(model) and again.config == CONFIGS[name]
    assert torch.equal(answers(again, rows), answers(model, rows))
    learning = [{key for key, weight in m.named_parameters() if weight.requires_grad} for m in (model, again)]
    assert learning[0] == learning[1]


@EVERY
def test_every_weight_that_may_learn_is_in_one_group_and_gets_a_gradient(name: str) -> None:
    model, rows = build(CONFIGS[name]).train(), draw_rows(64, 9)
    model.loss(model(rows), rows)["total"].backward()
    learning = {key: weight for key, weight in model.named_parameters() if weight.requires_grad}
    inside, new, temperatures = model.parameter_groups()
    assert not temperatures and {id(w) for w in inside} == {id(w) for w in model.language_model.model.parameters()}
    assert sorted(id(weight) for weight in (*inside, *new)) == sorted(id(weight) for weight in learning.values())
    still = [key for key, weight in learning.items() if weight.grad is None or not weight.grad.any()]
    # a softmax over objects does not change where all their scores rise together
    assert [key for key in still if key not in ("attention.key.bias", "alignment.text_key.bias")] == []


@EVERY_SEEING
def test_it_learns_of_text_where_no_photo_will_ever_come(name: str) -> None:
    model, rows = build(CONFIGS[name], seen=False).train(), without_photos(draw_rows(16, 10))
    model.loss(model(rows), rows)["total"].backward()
    inside, new, _ = model.parameter_groups()
    assert all(bool(weight.grad.any()) for weight in inside) and any(weight.grad is not None for weight in new)


@EVERY
def test_new_weights_depend_on_the_seed_alone(name: str) -> None:
    rows, said = draw_rows(5, 10), []
    for seed in (1, 2):
        torch.manual_seed(seed)
        said.append(answers(build(CONFIGS[name]), rows))
    assert torch.equal(*said)


def close(found: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
