"""Keys, labels and batches."""

import math
from dataclasses import dataclass, fields, replace

import pytest
import torch
from pydantic import TypeAdapter

from dgf.model.config import Whole, accept, check_values, plain_values
from dgf.model.dgf_pt.config import PRESETS, ModelConfig
from dgf.model.errors import ModelError
from dgf.model.labels import LabelSpace
from support.batches import select_rows


def make_config(config, values):
    return accept(*check_values(config, values))


def test_defaults_are_the_paper():
    config = make_config(ModelConfig, PRESETS["paper"].get("model", {}))
    assert config == ModelConfig()
    assert (config.plm, config.prefix_depth, config.dropout, config.delta) == ("frozen", "deep", 0.6, 0.4)
    assert (config.consistency_weight, config.identification_weight, config.classification_weight) == (2, 2, 3)
    assert (config.object_prefix, config.entity_prefix) == (1, 1)
    assert config.input_order == ("objects", "image", "text")


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_a_configuration(name):
    config = make_config(ModelConfig, PRESETS[name].get("model", {}))
    assert make_config(ModelConfig, plain_values(config)) == config


def test_all_faults_are_told_together():
    with pytest.raises(ModelError) as error:
        make_config(
            ModelConfig,
            {
                "plm": "thawed",
                "object_prefix": True,
                "input_order": ["text", "text", "image"],
                "dropout": 1.0,
                "margin": math.nan,
                "seed": 1.5,
                "prefix_length": -1,
                "fusion": "maybe",
                "temperature": 0,
                "colour": "red",
            },
        )
    told = str(error.value).splitlines()[1:]
    keys = [line.split(":")[0].strip() for line in told]
    wanted = "colour dropout fusion input_order margin object_prefix plm prefix_length seed temperature"
    assert sorted(keys) == wanted.split()
    assert "'thawed' is none of: frozen, lora, full" in str(error.value)


@pytest.mark.parametrize("order", ["text image objects", "text,image,objects", ["text", "image", "objects"]])
def test_the_input_order_may_be_a_list_or_words(order):
    assert make_config(ModelConfig, {"input_order": order}).input_order == ("text", "image", "objects")


def test_types_are_read_from_the_relations_names():
    labels = LabelSpace.from_relations(["None", "/per/org/member_of", "/misc/loc/held_on", "odd", "/a/b", "a/b/c/d"])
    assert labels.none == 0 and labels.types == ("loc", "misc", "org", "per")
    assert labels.types_of(1) == ("per", "org") == labels.types_of("/per/org/member_of")
    assert [labels.types_of(i) for i in (0, 3, 4, 5)] == [None] * 4
    targets = labels.type_targets(torch.tensor([1, 0, 2, 3, -1]))
    assert targets.tolist() == [[3, 2], [-1, -1], [1, 0], [-1, -1], [-1, -1]]
    allowed = labels.allowed()
    assert allowed[:, :, [0, 3, 4, 5]].all()
    assert allowed[:, :, 1].nonzero().tolist() == [[3, 2]] and allowed[:, :, 2].nonzero().tolist() == [[1, 0]]
    assert labels.type_id("per") == 3 and labels.type_id("none such") == labels.type_id(None) == -1


def test_a_type_file_may_bring_further_types():
    labels = LabelSpace.from_relations(["None", "/per/per/peer"], extra_types=["work"])
    assert labels.types == ("per", "work") and labels.allowed().shape == (2, 2, 2)


def test_relations_must_be_there_once():
    with pytest.raises(ModelError, match="named twice: a"):
        LabelSpace.from_relations(["a", "b", "a"])
    with pytest.raises(ModelError, match="no relations"):
        LabelSpace.from_relations([])
    assert LabelSpace.from_relations(["a", "b"]).none is None


def test_a_batch_moves_whole(full_batch):
    moved = full_batch.to("cpu")
    chosen = select_rows(full_batch, torch.tensor([2, 0]))
    assert len(full_batch) == 7 and len(chosen) == 2
    for field in fields(full_batch):
        before, after = getattr(full_batch, field.name), getattr(moved, field.name)
        assert (before is None) == (after is None)
        if before is not None:
            assert torch.equal(before, after) if field.init else before == after
            if field.init:
                assert torch.equal(getattr(chosen, field.name), before[[2, 0]])


def test_masks_must_come_with_what_they_mask(full_batch):
    for name in ("object_mask", "image_mask", "caption_mask"):
        with pytest.raises(ModelError, match=name):
            replace(full_batch, **{name: None})


def test_checking_many_values_makes_one_validator(monkeypatch):
    """A sweep checks thousands, and making the validator is most of the time."""

    @dataclass(frozen=True)
    class Kind:
        depth: Whole = 1

    made = []

    def make(kind):
        made.append(kind)
        return TypeAdapter(kind)

    monkeypatch.setattr("dgf.model.config.TypeAdapter", make)
    assert [check_values(Kind, {"depth": depth})[0] for depth in (2, 3, "x")] == [Kind(2), Kind(3), None]
    assert made == [Kind]
