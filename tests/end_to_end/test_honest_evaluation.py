"""docs/honest-evaluation.md says what its commands print: each is run, and its tables are held against them."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from support.command import dgf

DOCUMENT = (Path(__file__).resolve().parents[2] / "docs" / "honest-evaluation.md").read_text(encoding="utf-8")
COMMANDS = [
    line
    for block in re.findall(r"^```sh\n(.*?)^```", DOCUMENT, flags=re.M | re.S)
    for line in block.splitlines()
    if line.startswith("dgf audit ")
]
FOUND_IN = {
    "types in the relation's name: the pair": "types: the pair",
    "types in the relation's name: whether there are any": "types: which mentions have one",
    "the public crops: how many": "crops: how many",
    "captions by BLIP: which words": "captions: which words",
}


def row(begins: str) -> list[str]:
    line = next(line for line in DOCUMENT.splitlines() if line.startswith(f"| {begins} |"))
    return [cell.strip().strip("*") for cell in line.strip("|").split("|")][1:]


def run(command: str, shared: Path, *more: str) -> dict[str, Any]:
    places = {"MNRE": str(shared / "mnre"), "CAPTIONS": str(shared / "mnre-captions")}
    words = [re.sub(r"^(MNRE|CAPTIONS)\b", lambda found: places[found[1]], word) for word in shlex.split(command)[1:]]
    done = dgf(*words, *more)
    assert done.code == 0, done.said
    found: dict[str, Any] = json.loads(done.out)
    return found


def test_the_document_has_its_commands() -> None:
    assert len(COMMANDS) == 9 and sum("--claims" in command for command in COMMANDS) == 5


@pytest.mark.parametrize(
    "command", [command for command in COMMANDS if "--claims" not in command and "--with-model" not in command]
)
def test_signals_have_the_figures_of_the_table(command: str, shared_dir: Path) -> None:
    found = {finding["signal"]: finding for finding in run(command, shared_dir, "--json")["findings"]}
    held = 0
    for begins, signal in FOUND_IN.items():
        if signal in found:
            finding = found[signal]
            shares = (finding["accuracy"], finding["f1"], finding["there"]["accuracy"], finding["which"]["accuracy"])
            assert row(begins) == [*(f"{100 * share:.1f}" for share in shares), finding["level"]]
            held += 1
    assert held


@pytest.mark.parametrize("command", [command for command in COMMANDS if "--claims" in command])
def test_claims_come_out_as_the_table_says(command: str, shared_dir: Path) -> None:
    found = run(command, shared_dir, "--json")
    precision = found["figures"]["precision"]
    told = next((line for line in DOCUMENT.splitlines() if line.startswith("|") and f"| {precision} |" in line), None)
    if told is None:
        return  # an example of counts
    assert ("exactly one table" in told) == (found["solutions"] == 1)
    assert ("| none: " in told) == (not found["possible"])
    for matrix in found["matrices"]:
        assert f"{matrix['right']} right of {matrix['predicted']} predicted" in told
