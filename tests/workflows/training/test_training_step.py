import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_pre_hook
from torch.optim import Optimizer
from torch.optim.optimizer import register_optimizer_step_pre_hook

from dgf.pipeline.errors import UserError
from dgf.workflows.config import resolve_config
from dgf.workflows.train import TrainSettings, train
from support.small_world import RELATIONS, TINY, write_posts

STILL = (
    "language_model=random:gpt2?n_layer=1&n_embd=32&n_head=2&resid_pdrop=0.0&embd_pdrop=0.0&attn_pdrop=0.0",
    "model.dropout=0",
    "optim.learning_rate=1e-12",
    "optim.lm_learning_rate=1e-12",
)


def gradients(posts: Path, out: Path, *words: str) -> list[Tensor]:
    """Trains on text; returns the whole gradient that the optimizer met at each step, as one vector."""
    config = resolve_config("demo", None, [*TINY, *words], {"path": str(posts), "missing_images": "text-only"})
    met: list[Tensor] = []

    def note(optimizer: Optimizer, *_: Any) -> None:
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        met.append(torch.cat([(torch.zeros_like(p) if p.grad is None else p.grad).flatten() for p in parameters]))

    handle = register_optimizer_step_pre_hook(note)
    try:
        train(TrainSettings(config, out, "cpu"))
    finally:
        handle.remove()
    return met


def test_a_gradient_is_cut_to_the_clip_norm_and_keeps_its_direction(tmp_path: Path) -> None:
    posts = write_posts(tmp_path / "posts")
    whole = gradients(posts, tmp_path / "whole", "optim.epochs=1", "optim.clip_norm=1e9")
    clipped = gradients(posts, tmp_path / "clipped", "optim.epochs=1", "optim.clip_norm=0.5")
    free = gradients(posts, tmp_path / "free", "optim.epochs=1", "optim.clip_norm=none")
    assert len(whole) == len(clipped) == 3
    assert all(torch.equal(one, other) for one, other in zip(free, whole, strict=True))
    assert all(float(gradient.norm()) > 1 for gradient in whole)
    assert [float(gradient.norm()) for gradient in clipped] == pytest.approx([0.5] * 3, rel=1e-3)
    torch.testing.assert_close(clipped[0], whole[0] * (0.5 / whole[0].norm()), rtol=1e-3, atol=1e-6)


def test_each_step_meets_the_gradient_of_its_own_rows_alone(tmp_path: Path) -> None:
    posts = write_posts(tmp_path / "posts")
    row = json.loads((posts / "train.jsonl").read_text().splitlines()[1])
    (posts / "train.jsonl").write_text("".join(json.dumps({**row, "id": f"train:{i}"}) + "\n" for i in range(12)))
    met = gradients(posts, tmp_path / "run", *STILL, "optim.epochs=2", "optim.clip_norm=1e9")
    assert len(met) == 6
    assert float(met[0].norm()) > 1
    for later in met[1:]:
        torch.testing.assert_close(later, met[0], rtol=1e-3, atol=1e-5)


def test_a_step_in_parts_meets_the_gradient_of_the_whole(tmp_path: Path) -> None:
    """Where the losses are means over rows: every row has types, and eq. 12, which compares rows, is off."""
    posts = write_posts(tmp_path / "posts", relations=RELATIONS[1:])
    words = [*STILL, "optim.epochs=1", "optim.batch_size=5", "optim.clip_norm=1e9"]
    words += ["model.identification_weight=0", "model.margin=1"]  # with which hardly a negative is far enough
    whole = gradients(posts, tmp_path / "whole", *words)
    assert len(whole) == 3 and all(float(gradient.norm()) > 1 for gradient in whole)
    for parts in (2, 3, 9):
        met = gradients(posts, tmp_path / f"in-{parts}", *words, f"optim.accumulate={parts}")
        for found, expected in zip(met, whole, strict=True):
            torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-5)
    for parts in (2, 9):
        found, expected = (
            json.loads((tmp_path / name / "metrics.jsonl").read_text())["loss"] for name in (f"in-{parts}", "whole")
        )
        assert found.pop("identification") != pytest.approx(expected.pop("identification"), abs=1e-5)
        assert found == pytest.approx(expected, abs=1e-5)


def test_half_of_an_adversarial_step_is_met_where_the_word_embeddings_are_moved(tmp_path: Path) -> None:
    posts = write_posts(tmp_path / "posts")
    words = [*STILL, "optim.epochs=1", "optim.clip_norm=1e9"]
    tables: list[Tensor] = []

    def note(module: nn.Module, _: Any) -> None:
        if isinstance(module, nn.Embedding) and module.weight.requires_grad and module.training:
            tables.append(module.weight.detach().clone())

    handle = register_module_forward_pre_hook(note)
    try:
        met = gradients(posts, tmp_path / "run", *words, "optim.adversarial=0.5")
    finally:
        handle.remove()
    tables = [table for table in tables if len(table) > 1024]  # of words, not of positions
    assert len(tables) == 2 * len(met) == 6
    for plain, moved in zip(tables[::2], tables[1::2], strict=True):
        assert float((moved - plain).norm()) == pytest.approx(0.5, rel=1e-3)
        torch.testing.assert_close(plain, tables[0])

    plain_steps = gradients(posts, tmp_path / "plain", *words)
    hardly = gradients(posts, tmp_path / "hardly", *words, "optim.adversarial=1e-6")
    for step, found, close in zip(plain_steps, met, hardly, strict=True):
        torch.testing.assert_close(close, step, rtol=1e-2, atol=1e-3)
        assert not torch.allclose(found, step, rtol=1e-2, atol=1e-3)


def test_embeddings_that_do_not_learn_are_not_moved(tmp_path: Path) -> None:
    posts = write_posts(tmp_path / "posts")
    with pytest.raises(UserError, match=r"optim.adversarial") as caught:
        gradients(posts, tmp_path / "run", "model.plm=frozen", "optim.adversarial=0.5")
    assert "model.plm=full" in caught.value.hint
    assert not (tmp_path / "run").exists()
