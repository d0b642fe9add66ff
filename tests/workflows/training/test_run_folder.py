from pathlib import Path

import pytest
import torch

from dgf.pipeline.errors import UserError
from dgf.workflows.config import resolve_config
from dgf.workflows.training.loop import load_training_state, restore_trained, save_training_state, trained_state
from dgf.workflows.training.run_folder import RunFolder


def test_a_checkpoint_comes_back(tmp_path: Path) -> None:
    state = {"weights": {"a": torch.arange(3.0)}, "epoch": 2, "best": 0.5, "metrics": [{"epoch": 1}]}
    save_training_state(tmp_path / "last.pt", state)
    back = load_training_state(tmp_path / "last.pt")
    assert torch.equal(back["weights"].pop("a"), torch.arange(3.0))
    assert back == {"weights": {}, "epoch": 2, "best": 0.5, "metrics": [{"epoch": 1}]}


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"\x80\x04cos\nsystem\n."])
def test_a_damaged_or_hostile_checkpoint_is_refused(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "last.pt"
    file.write_bytes(content)
    with pytest.raises(UserError, match=r"last\.pt"):
        load_training_state(file)


def test_only_trained_weights_are_kept_and_put_back(tmp_path: Path) -> None:
    network = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 1))
    network[0].requires_grad_(False)
    state = trained_state(network)
    assert sorted(state) == ["1.bias", "1.weight"]
    restore_trained(network, {name: torch.ones_like(value) for name, value in state.items()}, tmp_path)
    assert torch.equal(network[1].weight, torch.ones(1, 2))


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="bias"):
        restore_trained(torch.nn.Linear(2, 1), {"weight": torch.ones(1, 2)}, tmp_path / "best.pt")


def test_a_folder_without_a_run_says_so(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not a run folder"):
        RunFolder(tmp_path).load_config()


def test_a_run_begins_with_its_configuration(tmp_path: Path) -> None:
    config = resolve_config("demo", overrides=["seed=7"])
    folder = RunFolder(tmp_path / "run")
    folder.begin(config, ("None", "/per/per/peer"), {"training_rows": {"None": 3}}, {"python": "3.11"})
    assert folder.load_config() == config
    assert (folder.path / "environment.txt").read_text() == "python: 3.11\n"
    assert folder.begun and not folder.finished
    folder.check_data({"training_rows": {"None": 3}})
    with pytest.raises(UserError, match="training_rows"):
        folder.check_data({"training_rows": {"None": 4}})


def test_a_run_of_older_networks_is_not_gone_on_with(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    older = {"training_rows": {"None": 3}}  # as it was written before networks had a format
    folder.begin(resolve_config("demo"), ("None",), older, {})
    with pytest.raises(UserError, match=r"begun with has changed \(network_format\)"):
        folder.check_data({**older, "network_format": 2})


def test_what_a_kill_left_of_a_beginning_is_no_foreign_folder(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    folder.begin(resolve_config("demo"), ("None",), {"training_rows": {}}, {})
    folder.config_file.unlink()
    (folder.path / "checkpoints" / ".part-0123456789ab-last.pt").write_bytes(b"half")
    assert not folder.begun and folder.foreign == []
    folder.clean()
    assert not list(folder.path.rglob(".part-*"))
    (folder.path / "thesis.tex").touch()
    assert folder.foreign == ["thesis.tex"]
