"""Experiments that are run: what is done is not done again, whoever asks and however often the work is killed."""

import contextlib
import json
import multiprocessing
import random
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from dgf.pipeline.errors import UserError
from dgf.pipeline.posts import read_dataset
from dgf.workflows.config import resolve_config
from dgf.workflows.data import draw_rows
from dgf.workflows.reproduce.outcome import read_runs
from dgf.workflows.reproduce.run import plan_lines, reproduce
from support.small_world import RELATIONS
from support.tiny_experiment import ROWS, asked, run_tiny, stamps, write_world

KILLS = 10
SHARED = [{**ROWS[1], "name": "again", "paper": {}}, {**ROWS[2], "paper": {}}]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return write_world(tmp_path_factory.mktemp("world"))


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Weights are the same bit for bit on one thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def undisturbed(data: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("undisturbed") / "out"
    assert run_tiny(out, data).missing == ()
    return out


def evaluations(out: Path) -> dict[str, int]:
    return {str(file.relative_to(out)): file.stat().st_mtime_ns for file in out.rglob("report.json")}


def test_everything_comes_out_and_is_not_done_again(undisturbed: Path, data: dict[str, Any]) -> None:
    folder = undisturbed / "tiny"
    names = {
        "runs.csv",
        "times.csv",
        "missing.csv",
        "unseen.csv",
        "tests.csv",
        "table.md",
        "table.html",
        "plot.png",
        "plot.svg",
    }
    assert {file.name for file in folder.iterdir()} == names
    lines = read_runs(folder / "runs.csv")
    assert [(line.row, line.seed) for line in lines] == [
        ("majority", ""), ("dgf-pt", "0"), ("dgf-pt", "1"), ("mtb", "0"), ("mtb", "1"),
    ]  # fmt: skip
    assert {file.name for file in (undisturbed / "runs").iterdir()} == {line.digest for line in lines if line.digest}
    assert all(
        line.versions["torch"] == torch.__version__.partition("+")[0] or line.row == "majority" for line in lines
    )
    before = stamps(undisturbed), evaluations(undisturbed), {file: file.read_bytes() for file in folder.iterdir()}
    run_tiny(undisturbed, data)
    assert before == (
        stamps(undisturbed),
        evaluations(undisturbed),
        {file: file.read_bytes() for file in folder.iterdir()},
    )
    assert plan_lines(asked(undisturbed, data))[-1] == "4 runs, 0 of them to be run or evaluated"


def test_another_experiment_with_the_same_folder_shares_runs(undisturbed: Path, data: dict[str, Any]) -> None:
    before = stamps(undisturbed), evaluations(undisturbed)
    again = asked(undisturbed, data, name="other", rows=("again",), rows_of=SHARED)
    assert plan_lines(again)[-1] == "2 runs, 0 of them to be run or evaluated"
    reproduce(again)
    assert before == (stamps(undisturbed), evaluations(undisturbed))
    ours = {line.digest: line.figures for line in read_runs(undisturbed / "tiny" / "runs.csv")}
    theirs = read_runs(undisturbed / "other" / "runs.csv")
    assert [line.row for line in theirs] == ["again", "again", "mtb", "mtb"]  # those not asked for are looked up
    assert all(ours[line.digest] == line.figures for line in theirs)


def _changes(out: Path) -> dict[Path, int]:
    """When each file of the runs was last written; one may vanish meanwhile."""
    found = {}
    for file in (out / "runs").rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            found[file] = file.stat().st_mtime_ns
    return found


def killed_at_random(out: Path, data: dict[str, Any], moments: random.Random) -> int:
    """Start the command, SIGKILL it a random moment after it wrote something; return how many runs were finished."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["support.tiny_experiment"])
    process = context.Process(target=run_tiny, args=(out, data))
    before = _changes(out)
    process.start()
    while process.is_alive() and _changes(out) == before:
        time.sleep(0.01)
    time.sleep(moments.uniform(0, 1.0))
    process.kill()
    process.join()
    return len(stamps(out))


@pytest.mark.slow
@pytest.mark.long
def test_killed_ten_times_and_restarted_it_writes_the_same_runs(
    undisturbed: Path, data: dict[str, Any], tmp_path: Path
) -> None:
    moments, out, done = random.Random(5), tmp_path / "out", []
    seen: dict[str, tuple[int, int]] = {}
    for _ in range(KILLS):
        done.append(killed_at_random(out, data, moments))
        now = stamps(out)
        assert {name: now[name] for name in seen} == seen, "a finished run was done twice"
        seen = now
    run_tiny(out, data)
    assert {name: stamp for name, stamp in stamps(out).items() if name in seen} == seen
    assert len(set(done)) > 1, f"every kill found the same number of finished runs ({done}): the test tries too little"
    for name in ("runs.csv", "tests.csv", "table.md", "plot.svg"):
        assert (out / "tiny" / name).read_bytes() == (undisturbed / "tiny" / name).read_bytes()
    assert not list((out / "tiny").glob(".*"))


def test_a_run_that_fails_stops_no_other_and_the_table_says_why(data: dict[str, Any], tmp_path: Path) -> None:
    rows = [
        {**ROWS[1], "paper": {}, "keys": {"language_model": "/nowhere"}},
        {"name": "hvpnet", "title": "HVPNeT", "keys": {"model.name": "hvpnet"}},
        {**ROWS[2], "paper": {}},
    ]
    settings = asked(tmp_path / "out", data, seeds=(0,), rows_of=rows)
    done = reproduce(settings)
    assert [(line.row, line.seed) for line in done.missing] == [("dgf-pt", "0"), ("hvpnet", "0")]
    table = (tmp_path / "out" / "tiny" / "table.md").read_text()
    assert "Missing: dgf-pt, seed 0: /nowhere: there is no such folder" in table and "| MTB | 1 |" in table
    told = r"seed 0: \S+: has no pyramids of ResNet-50\. Extract them, .*`dgf extract-features DATA .* --pyramid"
    assert re.search(f"Missing: hvpnet, {told}", table), table


def test_a_split_that_has_changed_is_evaluated_again_without_training(tmp_path: Path) -> None:
    data = write_world(tmp_path)
    settings = asked(tmp_path / "out", data, seeds=(0,), rows=("mtb",))
    reproduce(settings)
    before = stamps(tmp_path / "out"), evaluations(tmp_path / "out")
    file = Path(data["path"]) / "test.jsonl"
    file.write_text("".join(file.read_text().splitlines(keepends=True)[:4]))
    assert plan_lines(settings)[0].endswith("to be evaluated")
    reproduce(settings)
    assert stamps(tmp_path / "out") == before[0] and evaluations(tmp_path / "out") != before[1]
    assert {line.rows for line in read_runs(tmp_path / "out" / "tiny" / "runs.csv")} == {4}


def test_relations_that_a_share_of_the_rows_has_none_of_are_named(data: dict[str, Any], tmp_path: Path) -> None:
    varies = {"data.train_share": [0.01, 0.1, 1.0]}
    done = reproduce(asked(tmp_path, data, seeds=(0,), rows_of=[{**ROWS[2], "paper": {}}], varies=varies, look="lines"))
    [line] = done.missing
    assert (line.varied, line.reason) == (
        "data.train_share=0.01",
        "data.train_share=0.01: of 12 training rows, that is none",
    )
    [kept] = draw_rows(
        read_dataset(Path(data["path"])).splits["train"],
        resolve_config("paper", None, ["data.train_share=0.1", "seed=0"]),
    )
    unseen = ", ".join(name for name in RELATIONS if name != kept.relation)
    table = (tmp_path / "tiny" / "table.md").read_text()
    assert table.count("Trained without") == 1
    assert f"- Trained without a row of {unseen}: mtb with data.train_share=0.1, seed 0\n" in table


def test_what_a_kill_leaves_is_said_and_the_next_call_ends_it(
    undisturbed: Path, data: dict[str, Any], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    shutil.copytree(undisturbed, out)
    trained, begun = (line.digest for line in read_runs(out / "tiny" / "runs.csv") if line.row == "mtb")
    (out / "runs" / trained / "eval-test" / "inputs.json").unlink()  # killed between training and evaluation
    for name in ("model.json", "model.safetensors"):  # in training
        (out / "runs" / begun / name).unlink()
    assert [line.split()[-1] for line in plan_lines(asked(out, data, rows=("mtb",)))[:2]] == ["evaluated", "continued"]
    done = reproduce(asked(out, data, rows=("dgf-pt",)))
    assert done.missing == (), "of those that were asked for"
    table = (out / "tiny" / "table.md").read_text()
    assert "- Missing: mtb, seed 0: trained, and not evaluated on what is there now\n" in table
    assert "- Missing: mtb, seed 1: training was interrupted\n" in table
    reproduce(asked(out, data))
    for name in ("runs.csv", "missing.csv"):
        assert (out / "tiny" / name).read_bytes() == (undisturbed / "tiny" / name).read_bytes()


def test_photos_of_a_share_are_shown_in_training_and_in_the_test(data: dict[str, Any], tmp_path: Path) -> None:
    rows = [{"name": "dgf-pt", "title": "DGF-PT", "keys": {"model.prefix_hidden": 8}}]
    reproduce(
        asked(tmp_path / "out", data, seeds=(0,), rows_of=rows, varies={"data.image_share": [0.0, 1.0]}, look="lines")
    )
    reports = [json.loads(file.read_text()) for file in (tmp_path / "out" / "runs").glob("*/eval-test/report.json")]
    told = {report["image_share"]: (report["image_share_in_training"], report["text_only_rows"]) for report in reports}
    assert told == {0.0: (0.0, 6), 1.0: (1.0, 0)}


def test_a_file_of_another_program_is_not_overwritten(data: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / "runs.csv").write_text("my own,notes\n1,2\n")
    with pytest.raises(UserError, match="was not written by"):
        reproduce(asked(tmp_path, data))
    assert (tmp_path / "tiny" / "runs.csv").read_text() == "my own,notes\n1,2\n" and not (tmp_path / "runs").exists()
