"""`dgf demo`: the whole job through the command a newcomer types, again in no time, and never over something else."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from dgf.cli.main import cli
from dgf.workflows.demo.run import demo
from dgf.workflows.settings import DemoSettings

FEW = {"train": 24, "val": 8, "test": 12}


@pytest.mark.slow
def test_the_demo_ends_with_a_report_and_a_second_run_goes_on_from_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("detectron2", reason="the demo's detector is detectron2's")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)  # where no folder is called demo
    settings = DemoSettings((), tmp_path / "demo-run")
    said: list[str] = []
    summary = demo(settings, said.append, FEW, more=20)
    assert sum(line.strip().startswith(f"[{step}/6]") for line in said for step in range(1, 7)) == 6
    assert [reading.name for reading in summary.readings] == [
        "text alone",
        "everything",
        "without gates",
        "with photos that mean nothing",
    ]
    report = json.loads((summary.run / "eval-test/report.json").read_text(encoding="utf-8"))
    assert report["rows"] == 12 and report["captioner"] and report["text_only_rows"] == 0
    page = summary.page.read_bytes()
    pictures = page.split(b'id="picture-data">')[1].split(b"</script>")[0]
    assert json.loads(pictures)

    weights = (summary.run / "model.safetensors").read_bytes()
    figures = (tmp_path / "demo-run/figures.json").read_bytes()
    again = demo(settings, said.append, FEW, more=20)
    assert again.page.read_bytes() == page
    assert (tmp_path / "demo-run/figures.json").read_bytes() == figures
    assert (again.run / "model.safetensors").read_bytes() == weights
    assert again.seconds < summary.seconds

    # what it kept sees the photos of posts, and answers as the run itself did for them
    result = CliRunner().invoke(cli, ["predict", "demo", str(summary.posts)])
    assert result.exit_code == 0, result.stderr
    answers = {line["id"]: line["relation"] for line in map(json.loads, result.stdout.splitlines())}
    lines = (summary.run / "eval-test/predictions.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(answers) == sum(FEW.values()) and len(lines) == FEW["test"]
    assert all(answers[row["id"]] == row["relation"] for row in map(json.loads, lines))


def test_a_folder_with_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("\\title{}", encoding="utf-8")
    result = CliRunner().invoke(cli, ["demo", "--out", str(tmp_path)])
    assert result.exit_code == 1
    assert f"error: {tmp_path}: holds something that is not a demo" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]
