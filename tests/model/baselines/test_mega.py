"""MEGA against values of its public code, and against its equations where that code does other than it means."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from transformers import BertConfig, BertModel

from dgf.model.baselines.configs import MegaConfig
from dgf.model.baselines.mega import Mega
from dgf.model.batch import Batch
from dgf.model.errors import ModelError
from dgf.model.labels import LabelSpace
from dgf.model.language_models import LanguageModel, load_language_model
from dgf.model.networks import build_model
from support.fitting import answers
from support.photo_rows import LABELS, SIZES, WORDS, build, draw_rows, filled, without_photos

PLACES, OBJECTS, OBJECT_DIM = 16, 10, 20
GROUPS = {"as-published": "output", "transposed": "output_alignment_transposed"}


@pytest.fixture(scope="module")
def golden(shared_dir: Path) -> dict[str, Any]:
    with np.load(shared_dir / "golden" / "baselines" / "mega.npz") as file:
        return {name: torch.from_numpy(np.asarray(file[name])) for name in file.files}


def name_here(name: str) -> str:
    """The name that a weight of the golden file has in the network."""
    if name.startswith("bert."):
        return name.replace("bert.", "sentence.backbone.model.", 1)
    return name if name.split(".")[0] in ("final_merge", "classifier") else f"alignment.{name}"


def network(golden: dict[str, Any], alignment: str) -> Mega:
    """The network of the golden file, with its weights."""
    sizes = {"hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
    bert = BertModel(BertConfig(vocab_size=100, max_position_embeddings=40, **sizes), add_pooling_layer=False)
    labels = LabelSpace.from_relations([f"r{i}" for i in range(6)], (), None)
    config = MegaConfig(alignment=alignment, places=PLACES, objects=OBJECTS)
    model = Mega(config, labels, LanguageModel(bert, None, "golden", {}), OBJECT_DIM)
    weights = {name_here(n.removeprefix("weight/")): w for n, w in golden.items() if n.startswith("weight/")}
    weights["sentence.markers"] = model.sentence.markers.detach()  # the golden tokens have none
    model.load_state_dict({n: w for n, w in weights.items() if "pooler" not in n})
    return model.eval()


def batch_of(golden: dict[str, Any]) -> Batch:
    """The rows of the golden file, padded to the longest of them alone."""
    starts = torch.stack([golden["input/head_start"], golden["input/tail_start"]], 1)
    return Batch(
        tokens=golden["input/token_ids"],
        token_mask=golden["input/attention_mask"].bool(),
        spans=torch.stack([starts, starts + 1], 2),
        objects=golden["input/objects"],
        object_mask=torch.arange(OBJECTS) < golden["input/object_count"][:, None],
        alignment=golden["input/alignment"],
        relations=golden["input/labels"],
    )


@pytest.mark.parametrize("alignment", GROUPS)
@pytest.mark.parametrize("precision", [torch.float32, torch.float64])
def test_golden_values(golden: dict[str, Any], alignment: str, precision: torch.dtype) -> None:
    """Logits, loss and, of the view that was published, the norm of every weight's gradient."""
    model, batch, group = network(golden, alignment).to(precision), batch_of(golden), GROUPS[alignment]
    logits: list[torch.Tensor] = []
    model.classifier.register_forward_hook(lambda _module, _inputs, output: logits.append(output))
    loss = model.loss(model(batch), batch)["total"]
    single = precision == torch.float32
    close = {"atol": 1e-4, "rtol": 1e-5} if single else {"atol": 1e-10, "rtol": 1e-10}
    torch.testing.assert_close(logits[0].double(), golden[f"{group}/logits"], **close)
    if not single:  # what a model says is in single precision
        torch.testing.assert_close(loss.double(), golden[f"{group}/loss"], atol=1e-5, rtol=1e-6)
        loss = F.cross_entropy(logits[0], batch.relations)
    torch.testing.assert_close(loss.double(), golden[f"{group}/loss"], **close)
    if alignment != "as-published":
        return
    loss.backward()
    for name, norm in golden.items():
        if name.startswith("grad_norm/"):
            found = model.get_parameter(name_here(name.removeprefix("grad_norm/"))).grad.norm().double()
            torch.testing.assert_close(found, norm, **(close if not single else {"atol": 1e-4, "rtol": 1e-4}), msg=name)


@pytest.mark.parametrize("rows", [[1], [3], [1, 3]])
def test_golden_values_whatever_a_row_is_padded_to(golden: dict[str, Any], rows: list[int]) -> None:
    """Rows of 11 and 9 tokens, which the public code pads to 16."""
    model = network(golden, "as-published")
    batch = batch_of(golden).each(lambda values: values[rows])
    length = int(batch.token_mask.sum(1).max())
    cut = {name: getattr(batch, name)[:, :length] for name in ("tokens", "token_mask", "alignment")}
    expected = golden["output/logits"].log_softmax(1)[rows]
    torch.testing.assert_close(answers(model, batch.having(**cut)).double(), expected, atol=1e-4, rtol=1e-5)


def test_the_published_view_scrambles_tokens_and_objects(golden: dict[str, Any]) -> None:
    read: list[torch.Tensor] = []
    for alignment in GROUPS:
        model = network(golden, alignment)
        model.alignment.register_forward_pre_hook(lambda _module, inputs: read.append(inputs[3]))
        answers(model, batch_of(golden))
    assert torch.equal(read[0], golden["output/alignment_as_read"])
    assert torch.equal(read[1], golden["input/alignment"].transpose(1, 2))


def test_without_alignment_the_weights_are_not_read() -> None:
    config = MegaConfig(places=24, objects=4)
    without, rows = build(replace(config, alignment="none")), draw_rows(8, 1)
    assert torch.equal(answers(without, rows), answers(build(config), rows.having(alignment=None)))
    assert not torch.allclose(answers(without, rows), answers(build(config), rows), atol=1e-3)
    assert replace(config, alignment="none").reads.alignment is None and config.reads.alignment == "transposed"


def test_padding_is_looked_at_unless_it_is_masked() -> None:
    rows = draw_rows(8, 2)
    for masked in (False, True):
        few, many = (build(MegaConfig(places=n, objects=4, mask_padding=masked)) for n in (24, 48))
        difference = (answers(few, rows) - answers(many, filled(rows))).abs().max()
        assert difference < 1e-5 if masked else difference > 1e-4


def test_objects_beyond_the_configured_ones_are_not_read_and_missing_ones_are_zeros() -> None:
    rows = draw_rows(8, 3)
    fewer = rows.having(
        objects=rows.objects[:, :2], object_mask=rows.object_mask[:, :2], alignment=rows.alignment[:, :, :2]
    )
    model = build(MegaConfig(places=24, objects=2))
    assert torch.equal(answers(model, rows), answers(model, fewer))
    hidden = rows.having(object_mask=rows.object_mask & (torch.arange(4) < 2), alignment=rows.alignment.clone())
    hidden.alignment[:, :, 2:] = 0
    wide = build(MegaConfig(places=24, objects=4))
    torch.testing.assert_close(answers(wide, hidden), answers(wide, fewer), atol=1e-5, rtol=0)


def test_reports_are_told_how_much_objects_look_at_head_and_tail() -> None:
    model, rows = build(MegaConfig(places=24, objects=2)), draw_rows(8, 4)
    looks: list[torch.Tensor] = []
    model.alignment.register_forward_hook(lambda _module, _inputs, output: looks.append(output[1]))
    with torch.no_grad():
        shown = model(rows).attributions.mention_weights
    for mention, span in enumerate((slice(1, 4), slice(5, 8))):
        expected = looks[0][:, :, span].sum(2) * rows.object_mask[:, :2]
        torch.testing.assert_close(shown[:, mention, :2], expected)
    assert shown.shape == (8, 2, 4)
    there = rows.object_mask & (torch.arange(4) < 2)
    assert ((shown > 0) == there.unsqueeze(1)).all() and (shown.sum(1) < 1).all()
    assert model(without_photos(rows)).attributions.mention_weights is None


def test_places_that_do_not_serve_are_refused() -> None:
    with pytest.raises(ModelError, match=r"reads 64 tokens; set model\.places and data\.max_length to 64"):
        short = load_language_model(f"{SIZES['bert']}&vocab_size={WORDS}&max_position_embeddings=64", 0)
        build_model(MegaConfig(places=128), LABELS, short, 0, None)
    with pytest.raises(ModelError, match=r"14 tokens, and the model has 12 places; set data\.max_length"):
        answers(build(MegaConfig(places=12)), draw_rows(3, 1))
