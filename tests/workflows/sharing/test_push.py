"""`dgf push`: what is pushed is what `dgf.load` needs, tells nothing of this machine, and is read back from the hub."""

import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants

import dgf
from dgf.model.errors import ModelError
from dgf.pipeline.errors import UserError
from dgf.workflows.sharing.bundle import gather_bundle
from dgf.workflows.sharing.card import CARD
from dgf.workflows.sharing.push import push_run
from dgf.workflows.training.run_folder import RunFolder
from support.command import dgf as command
from support.hub_server import READS, Hub, serve_hub

OLDER = Path(__file__).resolve().parents[2] / "data" / "older"
PUSHED = {CARD, "config.yaml", "data.json", "labels.json", "model.json", "model.safetensors"}
POST = {"head": "Ada Lark", "tail": "Bo"}


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with serve_hub(tmp_path / "cache", monkeypatch) as serving:
        yield serving


@pytest.fixture
def run(trained: RunFolder, tmp_path: Path) -> Path:
    """A copy that a test may change."""
    return Path(shutil.copytree(trained.path, tmp_path / "run"))


def test_a_run_is_pushed_and_read_back(trained: RunFolder, hub: Hub) -> None:
    model = dgf.load(trained.path, device="cpu")
    assert model.push_to_hub("owner/run") == f"{hub.address}/owner/run"
    there = hub.repositories["owner/run"]
    assert {name for name in there.files if not name.startswith("tokenizer/")} == PUSHED and not there.private
    assert there.files["model.safetensors"] == (trained.path / "model.safetensors").read_bytes()
    assert b'dgf.load("hub:owner/run")' in there.files[CARD]
    for name, content in there.files.items():
        assert b"of zoe" not in content and str(trained.path.parents[1]).encode() not in content, name
    for found in (dgf.load("hub:owner/run", device="cpu"), dgf.from_pretrained("hub:owner/run", device="cpu")):
        assert found.predict("Ada Lark met Bo", **POST) == model.predict("Ada Lark met Bo", **POST)
    found.push_to_hub("other/run")
    assert hub.repositories["other/run"].files[CARD] == there.files[CARD], "reports that it was made of are not there"


def test_what_an_earlier_push_left_of_the_tokenizer_is_removed_and_nothing_else(run: Path, hub: Hub) -> None:
    push_run(run, "owner/run", private=True)
    there = hub.repositories["owner/run"]
    there.files |= {"tokenizer/merges.txt": b"of another", "notes.md": b"mine"}
    done = command("push", run, "owner/run", "--private")
    assert done.code == 0 and done.out == f"{hub.address}/owner/run\n", done.said
    assert there.private and "tokenizer/merges.txt" not in there.files and there.files["notes.md"] == b"mine"
    assert len(there.commits) == 2


def test_why_nothing_was_pushed_is_told(run: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    def refusal(name: str = "owner/run", *words: str) -> str:
        done = command("push", run, name, *words)
        assert done.code == 1 and not done.out, done.said
        return done.err

    assert "no name of a repository" in refusal("owner/a b") and "names no owner" in refusal("run")
    push_run(run, "owner/open")
    assert "everybody sees it" in refusal("owner/open", "--private")
    monkeypatch.setenv("HF_TOKEN", READS)
    assert "may not write there" in refusal()
    monkeypatch.setenv("HF_TOKEN", "hf_nobody")
    assert "does not know the token" in refusal()
    monkeypatch.delenv("HF_TOKEN")
    assert "there is no token" in refusal()
    monkeypatch.setenv("HF_TOKEN", "hf_writes")
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        address = f"http://127.0.0.1:{nobody.getsockname()[1]}"
    monkeypatch.setattr(constants, "ENDPOINT", address)
    assert "cannot be reached" in refusal()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert "HF_HUB_OFFLINE is set" in refusal()
    assert list(hub.repositories) == ["owner/open"]


def test_a_dry_run_lists_the_files_without_token_and_network(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.delenv("HF_TOKEN", raising=False)
    done = command("push", run, "owner/run", "--dry-run")
    listed = dict(reversed(line.split(maxsplit=1)) for line in done.out.splitlines())
    assert done.code == 0 and {name for name in listed if "/" not in name and " " not in name} == PUSHED
    size = (run / "model.safetensors").stat().st_size
    assert listed["model.safetensors"] == f"{size:,}" and "nothing was pushed" in done.out


def test_what_tells_of_this_machine_or_is_damaged_is_not_shared(run: Path) -> None:
    card = run / CARD
    whole = card.read_text()
    for place in (str(run.absolute()), "/home/ann/posts", r"C:\Users\ann\posts"):
        card.write_text(f"{whole}\nTrained on {place}.\n")
        with pytest.raises(UserError, match=r"README\.md: tells where something lies"):
            gather_bundle(RunFolder(run), "owner/run")
    card.write_text(f"{whole}\nMine, at https://example.org/home/page.\n")
    assert gather_bundle(RunFolder(run), "owner/run")[CARD] == card
    weights = bytearray((run / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (run / "model.safetensors").write_bytes(weights)
    with pytest.raises(ModelError, match="SHA-256"):
        gather_bundle(RunFolder(run), "owner/run")
    (run / "model.json").unlink()
    with pytest.raises(UserError, match="training has not ended"):
        gather_bundle(RunFolder(run), "owner/run")


def test_an_older_run_answers_as_it_did_once_it_is_shared(tmp_path: Path) -> None:
    shutil.copytree(OLDER / "run", tmp_path / "run")
    config = tmp_path / "run" / "config.yaml"
    config.write_text(config.read_text().replace("ROOT", "/home/ann/older"))
    shared = tmp_path / "shared"
    for name, content in gather_bundle(RunFolder(tmp_path / "run"), "owner/older").items():
        (shared / name).parent.mkdir(parents=True, exist_ok=True)
        (shared / name).write_bytes(content if isinstance(content, bytes) else content.read_bytes())
    assert "path: elsewhere:posts\n  features: elsewhere:features\n" in (shared / "config.yaml").read_text()
    assert RunFolder(shared).read_data() == RunFolder(OLDER / "run").read_data(), "photos are seen as they were"
    found, before = (dgf.load(folder, device="cpu") for folder in (shared, tmp_path / "run"))
    assert found.predict("Ada Lark met Bo", **POST) == before.predict("Ada Lark met Bo", **POST)
