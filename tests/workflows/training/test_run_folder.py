import io
import os
import random
import shutil
from pathlib import Path

import pytest
import torch

from dgf.pipeline.errors import UserError
from dgf.pipeline.files import write_json
from dgf.workflows.config import resolve_config
from dgf.workflows.training.checkpoints import (
    load_training_state,
    restore_trained,
    save_training_state,
    trained_state,
)
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


def test_every_changed_byte_of_a_checkpoint_is_noticed(tmp_path: Path) -> None:
    run = tmp_path / "run"
    (run / "checkpoints").mkdir(parents=True)
    file, rng = run / "checkpoints" / "last.pt", random.Random(0)
    save_training_state(file, {"weights": {"a": torch.arange(300.0)}, "epoch": 2})
    whole = file.read_bytes()
    for position in [*range(len(whole) - 50, len(whole)), *(rng.randrange(len(whole)) for _ in range(300))]:
        content = bytearray(whole)
        content[position] ^= 1 << rng.randrange(8)
        file.write_bytes(content)
        try:
            # a byte of the seal's own mark makes it one of an older version
            assert torch.equal(load_training_state(file)["weights"]["a"], torch.arange(300.0))
            assert position >= len(whole) - 50
        except UserError as error:
            assert "last.pt" in str(error) and f"dgf train --resume --out {run}" in str(error)


def test_a_checkpoint_of_an_older_version_has_no_seal(tmp_path: Path) -> None:
    torch.save({"epoch": 3}, tmp_path / "last.pt")
    assert load_training_state(tmp_path / "last.pt") == {"epoch": 3}
    buffer = io.BytesIO()
    torch.save({"epoch": 3}, buffer)
    save_training_state(tmp_path / "best.pt", {"epoch": 3})
    assert (tmp_path / "best.pt").read_bytes().startswith(buffer.getvalue())
    assert torch.load(tmp_path / "best.pt", weights_only=True) == {"epoch": 3}, "torch reads it too"


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


BEGINNING = ["data.json", "checkpoints", "labels.json", "environment.txt", "config.yaml"]
TEXT_ALONE = dict.fromkeys(("features", "captioner", "extraction", "captioning"))
FACTS = {"training_rows": {"None": 1, "/per/per/peer": 2}, "rows": 3, **TEXT_ALONE}


def begin(folder: RunFolder) -> None:
    relations, environment = ("None", "/per/per/peer"), {"python": "3.11.7 (/bin/python)", "dgf": "0.1.0"}
    folder.begin(resolve_config("demo"), relations, FACTS, environment)


def test_a_beginning_writes_first_what_shows_that_it_is_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    replace, mkdir = os.replace, Path.mkdir
    monkeypatch.setattr(os, "replace", lambda source, to: (order.append(Path(to).name), replace(source, to)))
    monkeypatch.setattr(Path, "mkdir", lambda path, *a, **k: (order.append(path.name), mkdir(path, *a, **k)))
    begin(RunFolder(tmp_path / "run"))
    assert order == ["run", *BEGINNING]


@pytest.mark.parametrize("done", range(len(BEGINNING)))
@pytest.mark.parametrize("older", [False, True])
def test_a_kill_at_any_moment_of_a_beginning_leaves_a_folder_to_begin_in(
    tmp_path: Path, older: bool, done: int
) -> None:
    whole, left = RunFolder(tmp_path / "whole"), RunFolder(tmp_path / "left")
    begin(whole)
    if older:
        write_json(whole.path / "data.json", FACTS)
    order = ["checkpoints", "labels.json", "data.json", "environment.txt", "config.yaml"] if older else BEGINNING
    left.path.mkdir()
    for name in order[:done]:
        source = whole.path / name
        shutil.copytree(source, left.path / name) if source.is_dir() else shutil.copy(source, left.path / name)
    (left.path / f".part-0123456789ab-{order[done]}").write_bytes(b"half")
    (left.path / ".lock").touch()
    assert not left.begun and left.foreign == []
    left.clean()
    begin(left)
    assert left.load_config() == whole.load_config() and left.read_data() == FACTS


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("data.json", '{"points": [1, 2]}'),
        ("data.json", "[1, 2]"),
        ("data.json", "\x00"),
        ("labels.json", '{"cat": 0, "dog": 1}'),
        ("labels.json", '{\n "cat": 1,\n "dog": 2\n}\n'),
        ("labels.json", '{\n "cat": 0,\n "dog": 1\n}\n'),  # no `checkpoints` beside it
        ("environment.txt", "PATH=/bin"),
        ("environment.txt", "python: 3.11\n"),  # no `data.json` beside it
        ("environment.txt", "python: yes\nrent: due"),
        ("checkpoints/epoch-3.pt", "weights"),
        (".part-one.txt", "text"),
    ],
)
def test_files_that_are_ours_only_by_name_are_foreign(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(content)
    assert RunFolder(tmp_path).foreign == [name.split("/")[0]]


def test_damaged_facts_are_named(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    begin(folder)
    file = folder.path / "data.json"
    file.write_text(file.read_text().replace('"rows": 3', '"rows": 4'))
    for read in (folder.read_data, lambda: folder.check_data(FACTS)):
        with pytest.raises(UserError, match=r"data\.json cannot be read: it has changed(?s:.*)dgf train"):
            read()
