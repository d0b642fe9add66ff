"""`dgf reproduce` as a user runs it: list, show, validate, dry run, tables again, wrong usage."""

from pathlib import Path
from typing import Any

import pytest

from dgf.pipeline.yaml_values import dump_yaml
from support.command import dgf
from support.tiny_experiment import ROWS, WORDS, tiny_content, write_world


def test_list_names_every_experiment_its_rows_and_what_they_read() -> None:
    lines = dgf("reproduce", "list").out.splitlines()
    assert [line.split()[0] for line in lines] == [
        "benchmark", "few-shot", "figure-3", "figure-4", "figure-5", "table-1", "table-2", "table-4",
    ]  # fmt: skip
    assert "Variants of DGF-PT (14 rows; reads text, --features, --captions)" in lines[6]
    assert "54 rows" in lines[2] and "the gold relation (oracle)" in lines[0]


def test_show_tells_keys_and_what_the_papers_figures_are_worth() -> None:
    text = dgf("reproduce", "show", "table-1").out
    assert 'keys    model.name="mtb"' in text
    assert "paper   Acc 76.15, P 64.51, R 68.44, F1 66.41 (Table 1, copied there from MEGA" in text
    assert text.count("no confusion matrix of MNRE's test split has them") >= 5
    assert "with this P and R the accuracy lies from 87.42 to 93.59" in text
    assert "reads   text, --features made with --pyramid" in text
    assert "reads   text, --features, --graphs (or graphs of boxes)" in text
    text = dgf("reproduce", "show", "benchmark").out
    assert "no model: the most frequent relation of the training split" in text and "oracle  oracle-types" in text
    assert "each row with data.shots = 1, 5, 10, 20" in dgf("reproduce", "show", "few-shot").out


def test_it_plans_runs_and_makes_tables_again(tmp_path: Path) -> None:
    data = write_world(tmp_path)
    (tmp_path / "mine.yaml").write_text(dump_yaml(tiny_content()))
    options: list[Any] = [
        "reproduce", tmp_path / "mine.yaml", *WORDS, "--data", data["path"], "--features", data["features"],
        "--captions", data["captions"], "--out", tmp_path / "out", "--seeds", "1,0", "--device", "cpu",
    ]  # fmt: skip
    planned = dgf(*options, "--dry-run", "--rows", "mtb")
    assert planned.code == 0 and planned.out.splitlines()[-1] == "2 runs, 2 of them to be run or evaluated"
    assert [line.split()[:3] for line in planned.out.splitlines()[:2]] == [["mtb", "seed", "0"], ["mtb", "seed", "1"]]
    assert not (tmp_path / "out").exists()
    rows = [{"name": name, "title": name, "keys": {"model.name": name}} for name in ("mega", "mtb")]
    (tmp_path / "two.yaml").write_text(dump_yaml(tiny_content(rows=rows)))
    (tmp_path / "graphs.jsonl").write_text('{"image_id": "x.png", "boxes": [], "relations": []}\n')
    two = ["reproduce", tmp_path / "two.yaml", *options[2:], "--dry-run"]
    plans = [dgf(*two, *more).out.splitlines() for more in ([], ["--graphs", tmp_path / "graphs.jsonl"])]
    assert [one == other for one, other in zip(*plans, strict=True)] == [False, False, True, True, True, True]
    done = dgf(*options, "--rows", "mtb")
    assert done.code == 0 and str(tmp_path / "out" / "mine" / "table.md") in done.out
    table = tmp_path / "out" / "mine" / "table.md"
    text = table.read_text()
    assert "| MTB | 2 |" in text and "Missing: dgf-pt, seed 0: not run" in text
    table.unlink()
    assert dgf("reproduce", tmp_path / "mine.yaml", "--out", tmp_path / "out", "--tables").code == 0
    assert table.read_text() == text


def test_a_run_that_fails_ends_in_exit_code_3(tmp_path: Path) -> None:
    data = write_world(tmp_path)
    (tmp_path / "mine.yaml").write_text(dump_yaml(tiny_content()))
    words = ["reproduce", tmp_path / "mine.yaml", *WORDS, "dgf-pt:language_model=/nowhere", "--data", data["path"]]
    done = dgf(*words, "--missing-images", "text-only", "--out", tmp_path / "out", "--seeds", "0", "--device", "cpu")
    assert done.code == 3 and "missing  dgf-pt seed 0: /nowhere: there is no such folder" in done.out


def test_validate_says_each_row_and_ends_in_1_where_one_fails(tmp_path: Path) -> None:
    broken = {"name": "broken", "title": "x", "keys": {"optim.adversarial": 0.5}}
    (tmp_path / "mine.yaml").write_text(dump_yaml(tiny_content(rows=[broken, {**ROWS[2], "paper": {}}])))
    done = dgf("reproduce", "validate", tmp_path / "mine.yaml")
    assert done.code == 1 and done.out.splitlines() == ["FAILS  mine broken", "ok  mine mtb"]
    assert "mine broken: optim.adversarial" in done.err


def test_every_fault_of_a_file_is_one_message(tmp_path: Path) -> None:
    rows = [{**ROWS[1], "keys": {"model.name": "nosuch"}}, {**ROWS[1], "paper": {"f1": "1"}}]
    (tmp_path / "mine.yaml").write_text(dump_yaml(tiny_content(rows=rows, paper=["f1", "recall"])))
    done = dgf("reproduce", "show", tmp_path / "mine.yaml")
    assert done.code == 1 and done.err.startswith("error: experiments have ")
    for said in ("'nosuch' is none of", "the name appears twice", "has no recall, and the paper prints one"):
        assert said in done.err


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["table-9"], 1, "no experiment is called 'table-9'"),
        (["table-1"], 2, "name a folder as --out"),
        (["table-1", "--out", "x"], 2, "name the data set as --data"),
        (["table-1", "oops", "--out", "x", "--data", "y"], 2, "oops: not of the form"),
        (["table-1", "--out", "x", "--data", "y", "--rows", "cnnn"], 1, "there is no row 'cnnn'"),
        (["table-1", "--out", "x", "--data", "y", "--seeds", "a"], 1, "--seeds a"),
        (["table-1", "--out", "x", "--data", "y", "--workers", "2", "--scheduler", "tcp://h:1"], 2, "--scheduler has"),
        (["table-1", "--out", "x", "--tables"], 1, "runs.csv: is not there"),
        (["show"], 2, "show takes the name"),
        (["list", "table-1"], 2, "list takes no name"),
    ],
)
def test_wrong_usage_is_told(words: list[str], code: int, said: str) -> None:
    done = dgf("reproduce", *words)
    assert done.code == code and said in done.err
