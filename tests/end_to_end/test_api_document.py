"""docs/api.md does what it says: every block of it runs, one after the other, on a small run."""

import re
import shutil
from pathlib import Path

import pytest

from dgf.workflows.demo.world import write_world
from support.seen_world import make_seen_world

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "api.md"


def test_every_block_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    world = make_seen_world(tmp_path / "seen")
    (tmp_path / "runs").mkdir()
    world.run.rename(tmp_path / "runs" / "paper")
    write_world(tmp_path / "MNRE", {"train": 2, "val": 2, "test": 2})
    (tmp_path / "photos").mkdir()
    shutil.copy(next((tmp_path / "MNRE" / "img_org" / "test").iterdir()), tmp_path / "photos" / "1.jpg")
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```python\n(.*?)^```", DOCUMENT.read_text(encoding="utf-8"), flags=re.M | re.S)
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, "docs/api.md", "exec"), names)
    said = capsys.readouterr().out
    assert len(blocks) == 9 and "post posts:1: head 'Ann' stands at (0, 3), (8, 11)" in said
