"""Saving and loading: the same predictions from the folder alone, and every difference named."""

import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file

from dgf.model.checkpoint import CONFIG, WEIGHTS, load_model, save_model
from dgf.model.dgf_pt.network import DGF
from dgf.model.dgf_pt.objective import joint_objective
from dgf.model.errors import ModelError

KINDS = ("gpt2", "openai-gpt", "llama", "bert")


@pytest.mark.parametrize("plm", ["frozen", "lora", "full"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_loaded_network_predicts_the_same(network, full_batch, tmp_path, kind, plm):
    net = network(kind, plm=plm, markers=True, entity_types="gold", input_order=("image", "text", "objects"))
    optimizer = torch.optim.AdamW([p for p in net.parameters() if p.requires_grad], lr=1e-2)
    joint_objective(net.train()(full_batch), full_batch, net.config).total.backward()
    optimizer.step()
    save_model(net.eval(), tmp_path / "run")
    loaded = load_model(tmp_path / "run")
    assert loaded.config == net.config and loaded.labels == net.labels and not loaded.training
    with torch.no_grad():
        one, two = net(full_batch), loaded(full_batch)
    assert torch.equal(one.log_probs, two.log_probs) and loaded.config.protocol == net.config.protocol is not None
    trainable = [{n for n, p in n_.named_parameters() if p.requires_grad} for n_ in (net, loaded)]
    assert trainable[0] == trainable[1]


def test_tokenizer_and_pattern_come_along(worded, labels, text_batch, tmp_path):
    from dgf.model.dgf_pt.config import ModelConfig

    net = DGF(ModelConfig(), labels, worded("gpt2")).eval()
    save_model(net, tmp_path)
    loaded = load_model(tmp_path)
    assert loaded.language_model.pattern == net.language_model.pattern
    assert loaded.language_model.words("Consider relation") == net.language_model.words("Consider relation") != []
    assert torch.equal(net(text_batch).log_probs, loaded(text_batch).log_probs)


def test_saving_twice_gives_the_same_bytes(network, tmp_path):
    for name in ("a", "b"):
        save_model(network(), tmp_path / name)
    for file in (WEIGHTS, CONFIG):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
    assert not list(tmp_path.rglob("*.tmp"))


def test_every_difference_of_a_foreign_file_is_named(network, tmp_path):
    save_model(network(), tmp_path)
    weights = load_file(tmp_path / WEIGHTS)
    del weights["decoder.query"]
    weights["classifier.bias"] = torch.zeros(3)
    weights["decoder.classify.bias"] = torch.zeros(9)
    save_file(weights, tmp_path / WEIGHTS)
    edit(tmp_path / CONFIG, lambda about: about)
    with pytest.raises(ModelError) as error:
        load_model(tmp_path)
    told = str(error.value)
    assert "3 tensors differ" in told
    assert "missing: decoder.query (32,)" in told
    assert "not of this network: classifier.bias (3,)" in told
    assert "of another shape: decoder.classify.bias is (9,), the network has (5,)" in told


def edit(path, change):
    """As an older version wrote it, without checksums."""
    about = json.loads(path.read_text())
    del about["files"], about["checksum"]
    change(about)
    path.write_text(json.dumps(about))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda about: about.update(format=99), "format 99"),
        (lambda about: about.pop("format"), "names no format"),
        (lambda about: about.pop("relations"), "lacks relations"),
        (lambda about: about["config"].update(colour="red"), "colour: there is no such key"),
        (lambda about: about["language_model"]["config"].update(model_type="abacus"), "language model"),
        (lambda about: about["language_model"].pop("config"), "language model"),
    ],
)
def test_a_configuration_that_does_not_fit_is_refused(network, tmp_path, change, told):
    save_model(network(), tmp_path)
    edit(tmp_path / CONFIG, change)
    with pytest.raises(ModelError, match=told):
        load_model(tmp_path)


@pytest.mark.parametrize("file", [WEIGHTS, CONFIG])
def test_missing_and_damaged_files_are_named(network, tmp_path, file):
    save_model(network(), tmp_path)
    (tmp_path / file).write_bytes(b"\x00\x01 nothing of use")
    with pytest.raises(ModelError, match=file):
        load_model(tmp_path)
    (tmp_path / file).unlink()
    with pytest.raises(ModelError, match=file):
        load_model(tmp_path)


def test_weights_survive_a_failed_save(network, tmp_path, monkeypatch):
    save_model(network(seed=1), tmp_path)
    before = (tmp_path / WEIGHTS).read_bytes()
    other = network(seed=2)
    other.config = replace(other.config)

    def full_disk(*_, **__):
        raise OSError("no space left")

    monkeypatch.setattr("dgf.model.checkpoint.save_file", full_disk)
    with pytest.raises(OSError, match="no space"):
        save_model(other, tmp_path)
    assert (tmp_path / WEIGHTS).read_bytes() == before


@pytest.mark.parametrize("name", [WEIGHTS, CONFIG, "tokenizer/tokenizer.json", "tokenizer/tokenizer_config.json"])
def test_a_changed_byte_is_noticed_in_every_file(worded, labels, tmp_path, name):
    from dgf.model.dgf_pt.config import ModelConfig

    save_model(DGF(ModelConfig(), labels, worded("gpt2")).eval(), tmp_path)
    content = bytearray((tmp_path / name).read_bytes())
    for position in (len(content) // 3, len(content) - 5):
        content[position] ^= 1
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ModelError, match=rf"(?s){name}.*dgf train --resume"):
            load_model(tmp_path)
        content[position] ^= 1
    (tmp_path / name).unlink()
    with pytest.raises(ModelError, match=name):
        load_model(tmp_path)


def test_a_list_of_files_without_its_checksum_is_damage(network, tmp_path):
    save_model(network(), tmp_path)
    about = json.loads((tmp_path / CONFIG).read_text())
    del about["checksum"]
    (tmp_path / CONFIG).write_text(json.dumps(about))
    with pytest.raises(ModelError, match="has changed since"):
        load_model(tmp_path)
