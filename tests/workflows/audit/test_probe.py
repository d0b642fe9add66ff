"""A small model trained with and without a signal before the sentence: what it reads, and what that is worth."""

import json
from pathlib import Path

import pytest

from dgf.pipeline.errors import UserError
from dgf.pipeline.posts import read_dataset
from dgf.workflows.audit.probe import Probe, ProbeSettings, probe_lines, probe_signal
from dgf.workflows.audit.run import audit
from dgf.workflows.audit.signals import AuditSettings, gather
from support.leaky_posts import write_leaky

TINY = "random:gpt2?n_layer=1&n_embd=32&n_head=2"
LEARNS = (
    "model.prefix_hidden=8",
    "model.object_prefix=none",
    "optim.batch_size=16",
    "optim.epochs=4",
    "optim.learning_rate=0.003",
    "optim.lm_learning_rate=0.003",
    "precision=float32",
)


def probe(root: Path, work: Path, changes: tuple[str, ...] = LEARNS, signal: str | None = None) -> Probe:
    settings = AuditSettings(root / "posts", crops=root / "crops")
    gathered = gather(settings)
    return probe_signal(gathered, audit(settings, gathered), ProbeSettings(TINY, work, changes, signal))


@pytest.fixture(scope="module")
def probed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Probe]:
    root = tmp_path_factory.mktemp("probe")
    write_leaky(root, 0, planted=True)
    return root, probe(root, root / "work")


@pytest.mark.long
def test_the_signal_is_worth_much_to_a_model(probed: tuple[Path, Probe]) -> None:
    found = probed[1]
    assert found.signal == "crops: how many"
    assert found.told.f1 > found.without.f1 + 0.2
    assert found.told.example.startswith("crops ") and found.without.example.startswith("Ann met Bob")
    lines = list(probe_lines(found))
    assert any(line.startswith("with ") and f"{100 * found.told.f1:.1f}" in line for line in lines)


def test_both_read_the_same_rows_and_differ_in_the_words_before_them(probed: tuple[Path, Probe]) -> None:
    root, _ = probed
    crops = json.loads((root / "crops" / "crops_test.json").read_text())
    told, without = (read_dataset(root / "work" / name).splits["test"] for name in ("with", "without"))
    real = read_dataset(root / "posts").splits["test"]
    for number, (one, other, post) in enumerate(zip(told, without, real, strict=True)):
        assert one.tokens == ("crops", str(len(crops[str(number)])), ".", *post.tokens)
        assert other.tokens == post.tokens
        assert (one.id, one.relation, one.head.text, one.tail.text) == (post.id, post.relation, "Ann", "Bob")
        assert not one.image_ids and not other.image_ids


def test_the_same_command_continues_and_another_is_refused(probed: tuple[Path, Probe]) -> None:
    root, found = probed
    before = (root / "work" / "run-with" / "metrics.jsonl").read_bytes()
    assert probe(root, root / "work") == found
    assert (root / "work" / "run-with" / "metrics.jsonl").read_bytes() == before
    with pytest.raises(UserError, match="begun with another changes"):
        probe(root, root / "work", (*LEARNS, "seed=1"))
    with pytest.raises(UserError, match="begun with another signal"):
        probe(root, root / "work", signal="file name: its shape")


def test_a_folder_of_something_else_a_wrong_name_and_a_clean_world_are_refused(tmp_path: Path) -> None:
    write_leaky(tmp_path, 0, planted=False)
    with pytest.raises(UserError, match="no signal is called a leak"):
        probe(tmp_path, tmp_path / "work")
    with pytest.raises(UserError, match="no signal is called 'crops'"):
        probe(tmp_path, tmp_path / "work", signal="crops")
    with pytest.raises(UserError, match="nothing of an audit"):
        probe(tmp_path, tmp_path / "posts", signal="crops: how many")
    (tmp_path / "posts" / "val.jsonl").unlink()
    with pytest.raises(UserError, match="'val'"):
        probe(tmp_path, tmp_path / "work", signal="crops: how many")
    assert not (tmp_path / "work").exists()
