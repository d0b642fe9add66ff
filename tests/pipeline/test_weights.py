import os
import pickle
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from dgf.pipeline.errors import UserError
from dgf.pipeline.weights import fill_network, identify_weights, random_seed, read_weights, resolve_weights


def nothing_published(name: str) -> str | None:
    return None


def test_random_is_a_seed() -> None:
    assert resolve_weights("random", what="it", published=nothing_published) == 0
    assert resolve_weights("random:12", what="it", published=nothing_published) == 12
    assert identify_weights(12) == "random:12"
    with pytest.raises(UserError, match="seed"):
        resolve_weights("random:x", what="it", published=nothing_published)
    seeds = [random_seed(text) for text in ("random", "random:", "random:7", "randomly", "a/random:7")]
    assert seeds == [0, 0, 7, None, None]
    for text in ("random:-1", "random:1.5", "random: 1", "random:1_0", "random:\u0661", "random:" + "9" * 19):
        with pytest.raises(UserError, match="not a whole number"):
            random_seed(text)


def test_a_missing_file_is_named_and_a_name_alone_fetches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"absent\.pth"):
        resolve_weights(str(tmp_path / "absent.pth"), what="it", published=nothing_published)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    address = (tmp_path / "far" / "model.pth").as_uri()  # an address that gives nothing
    with pytest.raises(UserError, match="cannot be fetched") as error:
        resolve_weights("default", what="it", published=lambda name: address)
    place = tmp_path / "hub" / "checkpoints" / "model.pth"
    assert str(place) in str(error.value) and not place.exists()
    place.write_bytes(b"x")
    assert resolve_weights("default", what="it", published=lambda name: address) == place


@pytest.mark.parametrize("protocol", [1, 2, 3, 4, 5])
def test_published_arrays_are_read_without_unpickling(tmp_path: Path, protocol: int) -> None:
    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    arrays = OrderedDict(plain=values, turned=values.T, cut=values[:, ::2], foreign=values.astype(">f8"))
    file = tmp_path / "model.pkl"
    file.write_bytes(pickle.dumps({"model": arrays, "__author__": "someone"}, protocol=protocol))
    state = read_weights(file)
    assert list(state) == list(arrays)
    for name, value in arrays.items():
        np.testing.assert_array_equal(state[name].numpy(), value)


class Hostile:
    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, ("hostile",)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("suffix", [".pkl", ".pth", ".bin", ".safetensors"])
@pytest.mark.parametrize("protocol", [2, 4])
def test_nothing_in_a_file_is_run(tmp_path: Path, suffix: str, protocol: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / f"model{suffix}"
    file.write_bytes(pickle.dumps({"weight": Hostile()}, protocol=protocol))
    with pytest.raises(UserError, match=f"model{suffix}.*not data" if suffix == ".pkl" else f"model{suffix}"):
        read_weights(file)
    if suffix in (".pth", ".bin"):
        torch.save({"weight": Hostile()}, file)
        with pytest.raises(UserError, match=f"model{suffix}"):
            read_weights(file)
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


@pytest.mark.parametrize(
    "content", [b"", b"\x80", b"text", pickle.dumps([1, 2]), pickle.dumps({"a": np.zeros(9)})[:-40]]
)
def test_damaged_arrays_are_one_message(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.pkl").write_bytes(content)
    with pytest.raises(UserError, match=r"model\.pkl"):
        read_weights(tmp_path / "model.pkl")


def test_every_name_and_shape_must_match(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    good = {"weight": torch.ones(2, 3), "bias": torch.ones(2)}
    layer = torch.nn.Linear(3, 2)
    save_file(good, file)
    fill_network(layer, read_weights(file), file)
    assert layer.weight.sum() == 6
    fill_network(
        layer, {**good, "head.x": torch.ones(1), "bn.num_batches_tracked": torch.ones(1)}, file, ignore=[r"head\..*"]
    )
    for state, message in (
        ({"weight": good["weight"]}, "missing: bias"),
        ({**good, "more": torch.ones(1)}, "left over: more"),
        ({**good, "bias": torch.ones(3)}, r"of another shape: bias \(3,\) instead of \(2,\)"),
    ):
        with pytest.raises(UserError, match=message):
            fill_network(layer, state, file)


def test_digest_is_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert identify_weights(tmp_path / "a") == "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_a_name_longer_than_any_is_refused_and_long_text_is_not(tmp_path: Path) -> None:
    torch.save({"model": {"a": torch.ones(2)}, "config": "x" * 50_000}, tmp_path / "long.pth")
    assert list(read_weights(tmp_path / "long.pth")) == ["a"]
    (tmp_path / "name.pth").write_bytes(b"\x80\x02c" + b"a" * 50_000 + b"\nb\n.")
    with pytest.raises(UserError, match="a name that is none"):
        read_weights(tmp_path / "name.pth")
