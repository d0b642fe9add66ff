"""What every system that claims to read photos must keep: HVPNeT and VisualBERT."""

from pathlib import Path
from typing import Any

import pytest
import torch

from dgf.model.baselines.configs import HVPNeTConfig, VisualBERTConfig
from dgf.model.checkpoint import load_model, save_model
from dgf.model.counterfactuals import measure_effects
from support.batches import select_rows
from support.fitting import accuracy, answers, fit
from support.photo_rows import alone, build, draw_rows, filled, without_photos

CONFIGS = {
    "hvpnet": HVPNeTConfig(prefix_hidden=16),
    "hvpnet with every switch": HVPNeTConfig(
        prefix_hidden=16, slots="by-cell", head_layout="transposed", train_classifier=False
    ),
    "visualbert": VisualBERTConfig(),
}


@pytest.fixture(params=CONFIGS.values(), ids=CONFIGS.keys())
def config(request: pytest.FixtureRequest) -> Any:
    return request.param


def test_it_learns_32_rows_by_heart(config: Any) -> None:
    rows = draw_rows(32, 1)
    assert accuracy(fit(build(config), rows, 150), rows) == 1.0


def test_it_learns_what_photos_alone_tell_and_guesses_without_them(config: Any) -> None:
    model, unseen = fit(build(config), draw_rows(1200, 1, "photo"), 400), draw_rows(400, 2, "photo")
    assert accuracy(model, unseen) > 0.9
    assert accuracy(model, without_photos(unseen)) < 0.35, "one of four relations is 0.25"


def test_it_reads_no_label(config: Any) -> None:
    model, rows = build(config), draw_rows(9, 3)
    others = rows.having(relations=(rows.relations + 1) % 4, type_targets=rows.type_targets.flip(0), sentences=None)
    assert torch.equal(answers(model, rows), answers(model, others))
    assert torch.equal(answers(model, rows), answers(model, rows.having(relations=None, type_targets=None)))


def test_padding_and_neighbors_do_not_matter(config: Any) -> None:
    model, rows = build(config), draw_rows(11, 4)
    whole = answers(model, rows)
    torch.testing.assert_close(answers(model, filled(rows)), whole, atol=1e-5, rtol=0)
    for row in range(11):
        torch.testing.assert_close(answers(model, alone(rows, row)), whole[row : row + 1], atol=1e-5, rtol=0)


def test_a_row_without_a_photo_is_read_as_text_alone(config: Any) -> None:
    model, rows = build(config), draw_rows(11, 5)
    text = answers(model, without_photos(rows))
    torch.testing.assert_close(answers(model, rows)[::5], text[::5], atol=1e-6, rtol=0)
    assert not torch.isclose(answers(model, rows)[1], text[1], atol=1e-4).all()
    bare = select_rows(rows, torch.tensor([0, 5]))
    assert not bare.has_image and not bare.has_objects
    assert torch.equal(answers(model, bare), answers(model, without_photos(bare)))


def test_effects_are_measured_of_what_is_there(config: Any) -> None:
    model, rows = build(config), draw_rows(10, 6)
    if config.reads.objects:
        rows = rows.having(blocks=None, image_mask=None)
    else:
        rows = rows.having(objects=None, object_mask=None)
    effects = measure_effects(model, rows, answers(model, rows), at_once=16)
    assert (effects.photo != 0).tolist() == [row % 5 > 0 for row in range(10)]
    if rows.object_mask is not None:
        assert (effects.objects != 0).tolist() == rows.object_mask.tolist()


def test_it_is_saved_and_loaded_exactly(config: Any, tmp_path: Path) -> None:
    model, rows = fit(build(config), draw_rows(32, 7), 5), draw_rows(9, 8)
    save_model(model, tmp_path)
    again = load_model(tmp_path)
    assert again.config == config
    assert torch.equal(answers(again, rows), answers(model, rows))
    learning = [{name for name, weight in m.named_parameters() if weight.requires_grad} for m in (model, again)]
    assert learning[0] == learning[1]


def test_every_weight_that_may_learn_is_in_one_group_and_gets_a_gradient(config: Any) -> None:
    model, rows = build(config).train(), draw_rows(64, 9)
    model.loss(model(rows), rows)["total"].backward()
    learning = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
    inside, new, temperatures = model.parameter_groups()
    assert not temperatures and {id(w) for w in inside} == {id(w) for w in model.language_model.model.parameters()}
    grouped = [id(weight) for weight in (*inside, *new)]
    assert sorted(grouped) == sorted(id(weight) for weight in learning.values())
    still = [name for name, weight in learning.items() if weight.grad is None or not weight.grad.any()]
    assert not still


def test_new_weights_depend_on_the_seed_alone(config: Any) -> None:
    rows = draw_rows(5, 10)
    torch.manual_seed(1)
    one = answers(build(config), rows)
    torch.manual_seed(2)
    assert torch.equal(answers(build(config), rows), one)


def test_it_runs_where_no_photo_will_ever_come(config: Any) -> None:
    rows = without_photos(draw_rows(32, 1))
    assert accuracy(fit(build(config, seen=False), rows, 150), rows) == 1.0
