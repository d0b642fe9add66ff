"""Every command in a block of a page runs, in the order of the page, on small things of the names that it uses.

README.md and docs/data-sets.md have tests of their own, and so have the figures of docs/honest-evaluation.md.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from support import ENVIRONMENT
from support.command import dgf
from support.documents import PAGES, CommandLine
from support.page_place import (
    MORE,
    SMALLER,
    draw_place,
    lines_of_page,
    make_leaky_place,
    make_place,
    make_seen_place,
    seeded,
    train_paper,
    words_here,
)
from support.s3_server import BUCKET, serve_s3
from support.shipped import REPOSITORY

ELSEWHERE = {"README.md": "test_readme.py", "docs/data-sets.md": "test_data_sets_document.py"}
"""Pages whose commands are run by a test of their own."""

NOT_HERE = {
    "extract-features DATA --out FEATURES --weights default --vgg-weights default --scheduler": (
        "needs a scheduler and workers: tests/pipeline/jobs starts some"
    ),
    "demo --out": "takes minutes: test_demo.py runs the demo with few posts, and those of this place were drawn so",
    "push runs/paper owner/dgf-mnre --private": "needs the hub: test_push.py has a server in its place",
    "audit --claims": "test_honest_evaluation.py runs these, and holds the table of the page against them",
    "bench serve": "takes two minutes: tests/workflows/bench have it for a second",
}
"""Commands that do not run here, by what they begin with, and why."""

ENDS_WITH = {
    # a row has no language model, as the page says
    "reproduce table-1 --data demo-run/posts": 3,
}
"""Exit codes other than 0, by what a command begins with."""

SEEDS = {"runs/text-20": (21, 22), "runs/blip-20": (21, 22)}
"""Runs that a page has trained with further seeds, by the one it shows."""

PLACES = {
    "docs/honest-evaluation.md": make_leaky_place,
    "docs/drawn-world.md": draw_place,
    "docs/features.md": make_seen_place,
}
SLOW = (
    "docs/drawn-world.md",
    "docs/features.md",
    "docs/reproduce.md",
    "docs/serve.md",
    "docs/storage.md",
    "docs/training.md",
)
STORED = "docs/storage.md"
"""The page whose data set lies at an address of S3."""
SERVED_WITHIN = 180
"""Seconds from the start of a serve to its end."""

NAMES = [page.relative_to(REPOSITORY).as_posix() for page in PAGES]
RUN = [name for name in NAMES if name not in ELSEWHERE and lines_of_page(name)]


def test_every_page_with_commands_is_run_somewhere() -> None:
    # found by their look alone, not as command lines are found
    begun = re.compile(r"^ *(\w+=\S+ +)*dgf [a-z]", flags=re.M)
    with_commands = {name for name in NAMES if begun.search((REPOSITORY / name).read_text(encoding="utf-8"))}
    assert with_commands and with_commands <= {*RUN, *ELSEWHERE}
    for name, test in ELSEWHERE.items():
        assert Path(name).name in (REPOSITORY / "tests" / "end_to_end" / test).read_text(encoding="utf-8")
    assert len(RUN) >= 8


def test_what_is_said_of_commands_is_said_of_some() -> None:
    lines = [str(line).removeprefix("dgf ").replace("'", "") for name in NAMES for line in lines_of_page(name)]
    text = "\n".join(lines)
    assert [said for said in SMALLER if said not in text and said not in ("$PARTS", "=models/gpt")] == []
    for table in (NOT_HERE, ENDS_WITH, MORE):
        assert [begins for begins in table if not any(line.startswith(begins) for line in lines)] == []


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.long) if name in SLOW else name for name in RUN])
def test_the_commands_of_a_page_run(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    PLACES.get(name, make_place)(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    torch.set_num_threads(1)
    if name == STORED:
        request.getfixturevalue("stored")
    lines = lines_of_page(name)
    if any("runs/paper" in line.words and line.words[0] != "train" for line in lines):
        train_paper(tmp_path, seen=name == "docs/serve.md")
    for line in dict.fromkeys(lines):
        shutil.rmtree("RUN", ignore_errors=True)  # of ways to the same
        if any(begins_with(line, begins) for begins in NOT_HERE):
            continue
        if line.words[0] == "serve":
            serve(words_here(line))
        else:
            run(line)


@pytest.fixture
def stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The data set of the place in an S3 of this machine."""
    with serve_s3() as variables:
        for variable, value in variables.items():
            monkeypatch.setenv(variable, value)
        import s3fs

        s3fs.S3FileSystem().put(str(tmp_path / "MNRE"), f"{BUCKET}/mnre", recursive=True)
        yield


@pytest.mark.parametrize("begins", NOT_HERE)
def test_a_command_that_does_not_run_here_is_told(begins: str) -> None:
    pytest.skip(f"dgf {begins} ...: {NOT_HERE[begins]}")


def begins_with(line: CommandLine, begins: str) -> bool:
    return " ".join(line.words).startswith(begins)


def run(line: CommandLine) -> None:
    code = next((code for begins, code in ENDS_WITH.items() if begins_with(line, begins)), 0)
    seeds = [seed for word in line.words for seed in SEEDS.get(word, ()) if line.words[0] == "train"]
    for words in (words_here(line), *(seeded(words_here(line), seed) for seed in seeds)):
        done = dgf(*words)
        assert done.code == code, f"{line}\nas {words}\n{done.said}"


def serve(words: list[str]) -> None:
    """Serve until an answer has come, and end it as a supervisor would; on loopback and at a port that is free."""
    words = [*words, "--host", "127.0.0.1", "--port", "0", "--device", "cpu"]
    process = subprocess.Popen(
        [sys.executable, "-m", "dgf.cli", *words],
        env={**os.environ, **ENVIRONMENT, "HF_HUB_OFFLINE": "1"},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    said = []
    too_long = threading.Timer(SERVED_WITHIN, process.kill)
    too_long.start()
    try:
        for told in process.stderr:
            said.append(told)
            if place := re.search(r"^serving .* at (http://127\.0\.0\.1:\d+) ", told):
                assert urllib.request.urlopen(f"{place[1]}/health", timeout=60).status == 200
                process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0, said
    finally:
        too_long.cancel()
        process.kill()
