"""A run is found by its folder or its name on the hub, and one is hinted at where the other is meant."""

from pathlib import Path

import pytest

import dgf


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("owner/name", "Name the folder that `dgf train` made, or hub:owner/name for a run of the Hugging Face hub."),
        ("owner/name@v1", "Name the folder that `dgf train` made, or hub:owner/name@v1 for"),
        ("runs", "Name the folder that `dgf train` made."),
        ("/no/such/run", "Name the folder that `dgf train` made."),
    ],
)
def test_a_name_of_the_hub_is_hinted_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, hint: str) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(dgf.UserError, match=f"{name}: no such folder") as caught:
        dgf.load(name)
    assert (caught.value.hint or "").startswith(hint)
