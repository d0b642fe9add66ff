"""What `dgf serve` says where it cannot serve, before it loads anything."""

import socket
import sys
from pathlib import Path

import pytest

from support.command import dgf


def test_without_the_extra_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    done = dgf("serve", "runs/paper")
    assert done.code == 1 and done.err == "error: dgf serve: uvicorn is not installed\n  pip install 'dgf[serve]'\n"


def test_an_address_that_cannot_be_had_is_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = dgf("serve", tmp_path, "--port", port)
    assert done.code == 1 and f"--host 127.0.0.1 --port {port}: Address already in use" in done.err
    assert "--host nowhere.invalid --port 8000: " in dgf("serve", tmp_path, "--host", "nowhere.invalid").err


def test_what_does_not_fit_together_is_said(tmp_path: Path) -> None:
    assert "there is no such folder" in dgf("serve", tmp_path, "--photos", tmp_path / "none").err
    done = dgf("serve", tmp_path, "--max-posts", 9, "--max-waiting", 8)
    assert done.code == 1 and "--max-posts 9: more than --max-waiting 8" in done.err
    done = dgf("serve", tmp_path, "--allow-host", "box:80")
    assert done.code == 1 and "--allow-host box:80: is not a name by itself" in done.err
    assert "not a run folder" in dgf("serve", tmp_path, "--port", 0).err
