"""`dgf audit` as a user runs it: tables, JSON, exit codes, wrong usage."""

import json
from pathlib import Path

import pytest

from support.command import dgf
from support.leaky_posts import write_leaky


def test_claims_of_mnre_are_checked_without_a_data_set() -> None:
    done = dgf("audit", "--claims", "64.51", "68.44", "76.15")
    assert done.code == 0
    assert "438 of 679 predicted and 640 there" in done.out
    assert "183 on the 974 rows without a relation" in done.out
    assert done.out.splitlines()[-1].startswith("verdict: possible, and exactly one")
    assert "MNRE's test split is meant" in done.err


def test_claims_may_leave_one_out_and_be_strict() -> None:
    words = ("audit", "--claims", "83.64", "80.78", "-", "--f1", "81.85")
    done = dgf(*words)
    assert done.code == 0 and "verdict: no confusion matrix has these figures" in done.out
    assert "F1 is their harmonic mean, from 82.18 to 82.19" in done.out
    assert dgf(*words, "--strict").code == 3
    found = json.loads(dgf(*words, "--json").out)
    assert found["possible"] is False and ["precision", "recall"] in found["contradictions"]


def test_claims_are_of_the_split_of_a_data_set_or_of_counts(tmp_path: Path) -> None:
    data, _ = write_leaky(tmp_path, 0, planted=False)
    rows = [json.loads(line)["relation"] for line in (data / "test.jsonl").read_text().splitlines()]
    positives = sum(relation != "None" for relation in rows)
    done = dgf("audit", data, "--claims", "100", "100", "100", "--json")
    assert json.loads(done.out)["counts"] == {"rows": 300, "positives": positives}
    (data / "ours_test.txt").write_text("{}")  # of another layout
    assert dgf("audit", data, "--claims", "100", "100", "100").code == 1
    done = dgf("audit", data, "--claims", "100", "100", "100", "--json", "--layout", "jsonl")
    assert json.loads(done.out)["counts"] == {"rows": 300, "positives": positives}
    done = dgf("audit", "--claims", "-", "33.3", "-", "--rows", 5, "--positives", 3)
    assert "R 33.3 on 5 rows, 3 with a relation and 2 without" in done.out and done.err == ""


def test_a_leak_is_shown_and_counts_where_strict(tmp_path: Path) -> None:
    data, crops = write_leaky(tmp_path, 0, planted=True)
    done = dgf("audit", data, "--crops", crops)
    assert done.code == 0
    assert done.out.splitlines()[-1] == "verdict: leak: crops: how many"
    assert next(line for line in done.out.splitlines() if line.startswith("crops")).endswith("LEAK")
    assert dgf("audit", data, "--crops", crops, "--strict").code == 3
    assert dgf("audit", data, "--strict").code == 0
    found = json.loads(dgf("audit", data, "--crops", crops, "--json").out)
    assert found["level"] == "leak" and found["findings"][0]["signal"] == "crops: how many"


def test_what_splits_share_is_shown_without_its_control_characters(tmp_path: Path) -> None:
    data, _ = write_leaky(tmp_path, 0, planted=False)
    for split in ("train", "test"):
        first, *rest = (data / f"{split}.jsonl").read_text().splitlines()
        row = json.loads(first) | {"tokens": ["Ann", "met", "Bob", "\x1b[2J"]}
        (data / f"{split}.jsonl").write_text("\n".join([json.dumps(row), *rest]))
    done = dgf("audit", data)
    assert "train and test share 1 sentence\n  train:0 and test:0: 'Ann met Bob \\x1b[2J'" in done.out
    assert "\x1b" not in done.out


def test_types_of_relations_without_types_are_refused(tmp_path: Path) -> None:
    data, _ = write_leaky(tmp_path, 0, planted=False)
    for file in (*data.glob("*.jsonl"), data / "relations.json"):
        file.write_text(file.read_text().replace("/per/", "per ").replace("/loc/", "loc "))
    done = dgf("audit", data, "--types", "labels")
    assert done.code == 1 and "no relation's name carries types" in done.err


def test_types_of_labels_say_that_they_are_an_oracle(tmp_path: Path) -> None:
    data, _ = write_leaky(tmp_path, 0, planted=False)
    done = dgf("audit", data, "--types", "labels")
    assert "oracle: types are read out of the relations themselves" in done.out and "LEAK" in done.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "name the data set"),
        (("posts", "--f1", "3"), "are for --claims"),
        (("posts", "--work", "w"), "are for --with-model"),
        (("posts", "--with-model", "m"), "needs --work"),
        (("posts", "seed=1"), "KEY=VALUE words are for --with-model"),
        (("posts", "more.txt"), "DATA is one path"),
        (("--claims", "-", "-", "-"), "needs a figure"),
        (("--claims", "1.5", "2", "3", "--rows", "3"), "belong together"),
    ],
)
def test_wrong_usage_is_said(words: tuple[str, ...], said: str) -> None:
    done = dgf("audit", *words)
    assert done.code == 2 and said in done.err


def test_a_folder_that_is_no_data_set_is_an_error(tmp_path: Path) -> None:
    done = dgf("audit", tmp_path)
    assert done.code == 1 and "no posts found" in done.err
