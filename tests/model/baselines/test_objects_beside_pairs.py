"""What every system that reads objects beside a marked pair must keep: BERT+SG, BERT+SG+Att and MEGA."""

from pathlib import Path
from typing import Any

import pytest
import torch

from dgf.model.baselines.configs import BertSGAttConfig, BertSGConfig, MegaConfig
from dgf.model.checkpoint import load_model, save_model
from dgf.model.counterfactuals import measure_effects
from support.batches import select_rows
from support.fitting import accuracy, answers, fit
from support.pair_batches import build, draw_pairs, widened, without_objects

CONFIGS = {
    "bert-sg": BertSGConfig(dropout=0.1),
    "bert-sg-att": BertSGAttConfig(dropout=0.1),
    "mega": MegaConfig(dropout=0.1, places=24, objects=4),
    "mega as published": MegaConfig(dropout=0.1, places=24, objects=4, alignment="as-published"),
    "mega masked": MegaConfig(dropout=0.1, places=24, objects=4, mask_padding=True),
}


@pytest.fixture(params=CONFIGS.values(), ids=CONFIGS.keys())
def config(request: pytest.FixtureRequest) -> Any:
    return request.param


def test_it_learns_32_rows_by_heart(config: Any) -> None:
    rows = draw_pairs(32, 1)
    assert accuracy(fit(build(config), rows, 150), rows) == 1.0


def test_it_learns_what_objects_alone_tell_and_guesses_without_them(config: Any) -> None:
    model = fit(build(config), draw_pairs(1200, 1, "objects"), 400)
    unseen = draw_pairs(400, 2, "objects")
    assert accuracy(model, unseen) > 0.9
    assert accuracy(model, without_objects(unseen)) < 0.35, "one of four relations is 0.25"


def test_it_reads_no_label(config: Any) -> None:
    model, rows = build(config), draw_pairs(9, 3)
    others = rows.having(relations=(rows.relations + 1) % 4, type_targets=rows.type_targets.flip(0), sentences=None)
    assert torch.equal(answers(model, rows), answers(model, others))
    assert torch.equal(answers(model, rows), answers(model, rows.having(relations=None, type_targets=None)))


def test_padding_and_neighbors_do_not_matter(config: Any) -> None:
    model, rows = build(config), draw_pairs(9, 4)
    whole = answers(model, rows)
    torch.testing.assert_close(answers(model, widened(rows)), whole, atol=1e-5, rtol=0)
    for row in range(9):
        alone = select_rows(rows, torch.tensor([row]))
        length = int(alone.token_mask.sum())
        cut = alone.having(
            tokens=alone.tokens[:, :length],
            token_mask=alone.token_mask[:, :length],
            alignment=alone.alignment[:, :length],
        )
        torch.testing.assert_close(answers(model, cut), whole[row : row + 1], atol=1e-5, rtol=0)


def test_what_is_masked_holds_anything(config: Any) -> None:
    model, rows = build(config), draw_pairs(9, 5)
    filled = rows.having(
        tokens=torch.where(rows.token_mask, rows.tokens, 9),
        objects=torch.where(rows.object_mask.unsqueeze(2), rows.objects, 1e4),
    )
    torch.testing.assert_close(answers(model, filled), answers(model, rows), atol=1e-5, rtol=0)


def test_a_row_without_objects_is_one_without_a_photo(config: Any) -> None:
    model, rows = build(config), draw_pairs(10, 6)
    masked = rows.having(object_mask=torch.zeros_like(rows.object_mask))
    torch.testing.assert_close(answers(model, masked), answers(model, without_objects(rows)), atol=1e-5, rtol=0)
    bare = select_rows(rows, torch.tensor([0, 5]))
    assert not bare.has_objects
    aligned = rows.having(alignment=torch.where(rows.object_mask.any(1)[:, None, None], rows.alignment, 1.0))
    for batch in (rows, aligned):
        torch.testing.assert_close(answers(model, bare), answers(model, batch)[[0, 5]], atol=1e-5, rtol=0)


def test_effects_are_measured_of_what_is_there(config: Any) -> None:
    model, rows = build(config), draw_pairs(10, 7)
    effects = measure_effects(model, rows, answers(model, rows), at_once=16)
    assert (effects.photo != 0).tolist() == rows.object_mask.any(1).tolist()
    assert (effects.objects != 0).tolist() == rows.object_mask.tolist()


def test_it_is_saved_and_loaded_exactly(config: Any, tmp_path: Path) -> None:
    model, rows = fit(build(config), draw_pairs(32, 8), 5), draw_pairs(9, 9)
    save_model(model, tmp_path)
    again = load_model(tmp_path)
    assert again.config == config
    assert torch.equal(answers(again, rows), answers(model, rows))


def test_every_weight_learns_where_objects_are_seen(config: Any) -> None:
    model, rows = build(config).train(), draw_pairs(16, 10)
    model.loss(model(rows), rows)["total"].backward()
    still = [name for name, weight in model.named_parameters() if weight.grad is None or not weight.grad.any()]
    # a softmax over objects does not change where all their scores rise together
    assert [name for name in still if name not in ("attention.key.bias", "alignment.text_key.bias")] == []


def test_it_runs_where_no_objects_will_ever_come(config: Any) -> None:
    rows = without_objects(draw_pairs(32, 1))
    assert accuracy(fit(build(config, 0), rows, 150), rows) == 1.0
