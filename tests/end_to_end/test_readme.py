"""The README does what it says: every command in it runs, on drawn posts and with networks made small."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dgf.workflows.demo.world import write_world

REPOSITORY = Path(__file__).resolve().parents[2]
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")

SMALL_MODEL = "'language_model=random:gpt2?n_layer=2&n_embd=64&n_head=4' optim.epochs=1"
SMALLER = {
    # what the README says: what runs here, without the network, a GPU or hours
    "--weights default --vgg-weights default --workers 2": (
        "--weights random --vgg-weights random --min-size 64 --regions 10"
    ),
    "--weights random --vgg-weights random\n": "--weights random --vgg-weights random --min-size 64 --regions 10\n",
    "--oscar path/to/oscar --workers 2": "--oscar random --beams 1",
    "--oscar random\n": "--oscar random --beams 1\n",
    "--captions captions --out runs/paper language_model=gpt2": (f"--captions captions --out runs/paper {SMALL_MODEL}"),
    "language_model=random:gpt2 optim.epochs=1": SMALL_MODEL,
}


def blocks() -> list[str]:
    """The shell blocks of the README that call dgf."""
    found = re.findall(r"^```sh\n(.*?)^```", README, flags=re.M | re.S)
    return [block for block in found if re.search(r"^dgf ", block, flags=re.M)]


def made_small(block: str) -> str:
    for said, runs in SMALLER.items():
        block = block.replace(said, runs)
    return block


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `MNRE` and a photo of one's own in it."""
    folder = tmp_path_factory.mktemp("readme")
    write_world(folder / "MNRE", {"train": 6, "val": 3, "test": 3})
    (folder / "photos").mkdir()
    shutil.copy(next((folder / "MNRE" / "img_org" / "test").iterdir()), folder / "photos" / "1.jpg")
    return folder


def test_every_substitution_still_stands_in_the_readme() -> None:
    text = "\n".join(blocks())
    assert [said for said in SMALLER if said not in text] == []


@pytest.mark.slow
def test_every_command_runs(place: Path) -> None:
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HF_HUB_OFFLINE": "1",
    }
    assert len(blocks()) == 4
    for block in blocks():
        script = made_small(block)
        result = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script], cwd=place, env=environment, capture_output=True, text=True
        )
        assert result.returncode == 0, f"{script}\n{result.stdout}\n{result.stderr}"
    for features in ("features", "try/features"):
        settings = json.loads((place / features / "settings.json").read_text(encoding="utf-8"))
        assert settings["detector"]["model"].startswith("detectron2:"), "the default where detectron2 is installed"
    for run in ("runs/paper", "try/run"):
        report = json.loads((place / run / "eval-test" / "report.json").read_text(encoding="utf-8"))
        predictions = (place / run / "eval-test" / "predictions.jsonl").read_text(encoding="utf-8").splitlines()
        assert report["rows"] == len(predictions) == 3
        assert report["text_only_rows"] == 0 and report["captioner"]
    for block in re.findall(r"^```python\n(.*?)^```", README, flags=re.M | re.S):
        script = block.replace("model.predict", "answer = model.predict") + "assert answer.relation"
        subprocess.run([sys.executable, "-c", script], cwd=place, env=environment, check=True)
    answers = [json.loads(line) for line in (place / "answers.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [answer["id"] for answer in answers] == ["a1", "a2"]


def test_shell_completion_works_as_the_readme_says() -> None:
    dgf = Path(sys.executable).with_name("dgf")
    for shell in ("bash", "zsh", "fish"):
        assert f"{shell}_source" in README
    script = subprocess.run(
        [dgf], env=os.environ | {"_DGF_COMPLETE": "zsh_source"}, capture_output=True, text=True, check=True
    )
    assert "#compdef dgf" in script.stdout
    asked = {"_DGF_COMPLETE": "zsh_complete", "COMP_WORDS": "dgf ext", "COMP_CWORD": "1"}
    completed = subprocess.run([dgf], env=os.environ | asked, capture_output=True, text=True, check=True)
    assert "extract-features" in completed.stdout
