from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dgf.pipeline.errors import UserError
from dgf.workflows.sweep import parse_seeds
from dgf.workflows.sweep.space import read_space


def space_of(tmp_path: Path, text: str) -> tuple[dict[str, tuple[object, ...]], list[str]]:
    (tmp_path / "space.yaml").write_text(text)
    space, faults = read_space(tmp_path / "space.yaml")
    return dict(space), faults


def test_lists_and_ranges_with_both_ends(tmp_path: Path) -> None:
    space, faults = space_of(
        tmp_path,
        "optim.learning_rate: {from: 1e-4, to: 5e-4, step: 1e-4}\n"
        "optim.epochs: {from: 2, to: 9, step: 3}\n"
        "model.plm: [frozen, full]\nmodel.input_order: [[text, image, objects], 'objects image text']\n",
    )
    assert not faults
    assert space["optim.learning_rate"] == (1e-4, 2e-4, 3e-4, 4e-4, 5e-4)
    assert space["optim.epochs"] == (2, 5, 8) and all(type(value) is int for value in space["optim.epochs"])
    assert space["model.plm"] == ("frozen", "full")
    assert space["model.input_order"] == (["text", "image", "objects"], "objects image text")


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 50), st.integers(1, 40), st.integers(1, 9), st.integers(0, 6))
def test_ranges_are_what_decimals_say(first: int, count: int, step: int, digits: int) -> None:
    values = [float(f"{first + i * step}e-{digits}") for i in range(count)]
    text = f"a: {{from: {first}e-{digits}, to: {first + (count - 1) * step}e-{digits}, step: {step}e-{digits}}}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dgf.workflows.sweep.space.read_whole", lambda file, limit: text)
        assert read_space(Path("space.yaml")) == ({"a": tuple(values)}, [])


def test_every_fault_is_told(tmp_path: Path) -> None:
    space, faults = space_of(
        tmp_path,
        "good: [1]\nempty: []\nalone: 3\nnone: null\ntwice: [1, 2, 1.0]\nopen: {from: 1, to: 2}\n"
        "down: {from: 2, to: 1, step: 1}\nstill: {from: 1, to: 2, step: 0}\nword: {from: a, to: 2, step: 1}\n"
        "long: {from: 0, to: 1, step: 1e-4}\nseed: [1, 2]\ndata.path: [a, b]\n",
    )
    assert space == {"good": (1,)}
    told = {fault.partition(": ")[0]: fault.partition(": ")[2] for fault in faults}
    assert told.keys() == {
        "empty", "alone", "none", "twice", "open", "down", "still", "word", "long", "seed", "data.path"
    }  # fmt: skip
    assert told["empty"] == "an empty list" and "a list of values, or a range" in told["alone"]
    assert "twice" in told["twice"] and "from, to and step" in told["open"] and "--seeds" in told["seed"]


@pytest.mark.parametrize("text", ["", "[]", "{}", "1: [2]", "a: [", "!!python/object/apply:os.system ['true']"])
def test_what_is_no_space_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"space\.yaml"):
        space_of(tmp_path, text)


def test_seeds() -> None:
    assert parse_seeds("0, 2,1") == (0, 2, 1)
    for text in ("", "0,", "a", "-1", "1.0", str(2**31)):
        with pytest.raises(UserError, match="whole numbers"):
            parse_seeds(text)
    with pytest.raises(UserError, match="a seed appears twice"):
        parse_seeds("1,01")
    with pytest.raises(UserError, match="seed=3: --seeds names the seeds already"):
        parse_seeds("0", ["model.seed=1", "seed=3"])
