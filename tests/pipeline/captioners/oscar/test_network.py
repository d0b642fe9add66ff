"""The network and its weights against the published ones: golden values, both layouts, every fault named."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from dgf.pipeline.captioners.oscar import load_oscar
from dgf.pipeline.captioners.oscar.network import OscarConfig
from dgf.pipeline.errors import UserError
from support.oscar_examples import save, small
from support.stepwise import run_uncached

HIDDEN, LOGITS = 2e-4, 1e-3


@pytest.fixture(scope="module")
def golden(shared_dir: Path) -> Path:
    return shared_dir / "golden" / "oscar"


@pytest.fixture(scope="module")
def cases(golden: Path) -> dict[str, np.ndarray]:
    with np.load(golden / "oscar_cases.npz") as file:
        return {name: file[name] for name in file.files}


def forward(folder: Path, cases: dict[str, np.ndarray], layout: str) -> tuple[list[torch.Tensor], torch.Tensor]:
    model = load_oscar(folder).model
    tokens, segments, sees, regions = (
        torch.from_numpy(cases[name])
        for name in (f"{layout}/input_ids", f"{layout}/segment_ids", f"{layout}/attention_mask", "img_feats")
    )
    with torch.inference_mode():
        positions = torch.arange(tokens.shape[1]).expand_as(tokens)
        states = run_uncached(model, tokens, positions, segments, regions, sees.bool())
        return states, model.words(states[-1][:, : tokens.shape[1]])


def off(ours: torch.Tensor, theirs: np.ndarray, valid: np.ndarray) -> float:
    return float(np.abs(ours.numpy() - theirs)[valid].max())


def test_hidden_states_logits_and_pooled_are_the_published_ones(golden: Path, cases: dict[str, np.ndarray]) -> None:
    states, logits = forward(golden / "oscar_tiny", cases, "train70")
    valid = cases["train70/valid_rows"]
    assert len(states) == 3
    for number, state in enumerate(states):
        assert off(state, cases[f"oscar_tiny/train70/hidden_{number}"], valid) < HIDDEN
    assert off(logits, cases["oscar_tiny/train70/logits"], valid[:, :70]) < LOGITS
    with torch.inference_mode():
        pooled = load_oscar(golden / "oscar_tiny").model.bert.pooler(states[-1])
    assert np.abs(pooled.numpy() - cases["oscar_tiny/train70/pooled"]).max() < HIDDEN


def test_inference_layout(golden: Path, cases: dict[str, np.ndarray]) -> None:
    states, _ = forward(golden / "oscar_tiny", cases, "infer50")
    valid = cases["infer50/attention_mask"].any(axis=2)
    assert off(states[-1], cases["oscar_tiny/infer50_allmask/last_hidden"], valid) < HIDDEN


def test_layout_of_2020(golden: Path, cases: dict[str, np.ndarray]) -> None:
    folder = golden / "extra" / "oscar_tiny_2020"
    assert load_oscar(folder).layout == "2020"
    states, logits = forward(folder, cases, "train70")
    valid = cases["train70/valid_rows"]
    with np.load(golden / "extra" / "oscar_2020_cases.npz") as file:
        assert off(states[-1], file["train70/last_hidden"], valid) < HIDDEN
        assert off(logits, file["train70/logits"], valid[:, :70]) < LOGITS


@pytest.mark.parametrize("kind", ["head_release_no_img_layernorm", "head_release_img_layernorm", "init_release_2020"])
def test_base_size_loads_with_no_key_left_over(golden: Path, tmp_path: Path, kind: str) -> None:
    keys = json.loads((golden / "oscar_base_keys.json").read_text())
    config = keys[kind].get("config", keys["head_release_no_img_layernorm"]["config"])
    weights = {name: torch.full(shape, 0.01) for name, shape in keys[kind]["state_dict"].items()}
    weights["bert.embeddings.word_embeddings.weight"].normal_(generator=torch.Generator().manual_seed(1))
    for first, second in keys[kind]["tied_groups"]:
        weights[second] = weights[first]
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"w{number}" for number in range(30517))]
    (tmp_path / "vocab.txt").write_text("\n".join(words))
    (tmp_path / "config.json").write_text(json.dumps(config))
    torch.save(weights, tmp_path / "pytorch_model.bin")
    loaded = load_oscar(tmp_path)
    assert loaded.layout == ("2020" if kind == "init_release_2020" else "2021")
    ours = loaded.model.state_dict()
    renamed = keys[kind].get("rename_to_head_release", {})
    assert {renamed.get(name, name) for name in weights} == set(ours)
    for name, value in weights.items():
        assert torch.equal(ours[renamed.get(name, name)], value)
    assert not any(value.is_meta for value in [*loaded.model.parameters(), *loaded.model.buffers()])

    weights["bert.encoder.layer.7.output.dense.weights"] = weights.pop("bert.encoder.layer.7.output.dense.weight")
    torch.save(weights, tmp_path / "pytorch_model.bin")
    with pytest.raises(UserError) as caught:
        load_oscar(tmp_path)
    assert "missing: bert.encoder.layer.7.output.dense.weight;" in caught.value.message
    assert "left over: bert.encoder.layer.7.output.dense.weights" in caught.value.message


def test_every_weight_is_accounted_for(tmp_path: Path) -> None:
    folder = save(small(), tmp_path)
    weights = torch.load(folder / "pytorch_model.bin", weights_only=True)
    for name in list(weights):
        if name == "cls.predictions.decoder.weight":  # tied: safetensors stores it once
            continue
        torch.save({key: value for key, value in weights.items() if key != name}, folder / "pytorch_model.bin")
        with pytest.raises(UserError, match="missing: " + name.replace(".", r"\.")):
            load_oscar(folder)


def test_safetensors_old_names_and_a_shared_tensor_stored_once(tmp_path: Path) -> None:
    checkpoint = small(use_img_layernorm=1)
    folder = save(checkpoint, tmp_path)
    weights = torch.load(folder / "pytorch_model.bin", weights_only=True)
    (folder / "pytorch_model.bin").unlink()
    old = {
        name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): value.clone()
        for name, value in weights.items()
        if name != "cls.predictions.decoder.weight"
    }
    save_file(old, folder / "model.safetensors")
    loaded = load_oscar(folder).model
    for name, value in checkpoint.model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value)
    head = loaded.cls.predictions.decoder.weight
    assert head is loaded.bert.embeddings.word_embeddings.weight


def _replace(folder: Path, **weights: torch.Tensor) -> None:
    path = folder / "pytorch_model.bin"
    torch.save({**torch.load(path, weights_only=True), **weights}, path)


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (Path("owned"),)  # type: ignore[return-value]


def _break(folder: Path, how: str) -> None:
    config = json.loads((folder / "config.json").read_text())
    if how == "shape":
        _replace(folder, **{"cls.predictions.bias": torch.zeros(3)})
    elif how == "untied":
        _replace(folder, **{"cls.predictions.decoder.weight": torch.zeros(config["vocab_size"], 32)})
    elif how == "pickle":
        (folder / "pytorch_model.bin").write_bytes(pickle.dumps({"a": Evil()}))
    elif how == "truncated":
        path = folder / "pytorch_model.bin"
        path.write_bytes(path.read_bytes()[:5000])
    elif how == "no-weights":
        (folder / "pytorch_model.bin").unlink()
    elif how == "vocabulary":
        (folder / "vocab.txt").write_text("a\nb\n")
    elif how == "long-vocabulary":
        with (folder / "vocab.txt").open("a") as file:
            file.write("onemore\n")
    elif how == "config":
        (folder / "config.json").write_text("{")
    elif how == "heads":
        (folder / "config.json").write_text(json.dumps({**config, "num_attention_heads": 5}))
    elif how == "type":
        (folder / "config.json").write_text(json.dumps({**config, "hidden_size": "64"}))


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("shape", r"of another shape: cls.predictions.bias \(3,\) instead of"),
        ("untied", "ties cls.predictions.decoder.weight to bert.embeddings.word_embeddings.weight"),
        ("pickle", "pytorch_model.bin cannot be read as weights"),
        ("truncated", "pytorch_model.bin cannot be read as weights"),
        ("no-weights", "neither model.safetensors nor pytorch_model.bin"),
        ("vocabulary", r"lacks \[PAD\]"),
        ("long-vocabulary", "words, config.json says"),
        ("config", "config.json is not an Oscar configuration"),
        ("heads", "not a multiple of num_attention_heads 5"),
        ("type", "hidden_size must be a positive whole number, not '64'"),
    ],
)
def test_broken_checkpoints_say_what_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str, told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = save(small(), tmp_path / "oscar")
    load_oscar(folder)
    _break(folder, how)
    with pytest.raises(UserError, match=told) as caught:
        load_oscar(folder)
    assert str(folder) in caught.value.message and caught.value.hint
    assert not (tmp_path / "owned").exists()


def test_configuration_ignores_what_only_training_reads() -> None:
    config = OscarConfig.from_mapping(
        {"hidden_size": 64, "num_attention_heads": 2, "use_img_layernorm": 1, "loss": "x"}
    )
    assert (config.hidden_size, config.use_img_layernorm, config.tie_weights) == (64, True, False)
