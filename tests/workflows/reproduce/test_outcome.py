"""Tables and plots of figures that are known, from `runs.csv` and the files beside it alone."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import pytest

from dgf.pipeline.errors import UserError
from dgf.pipeline.posts import Dataset, Mention, Post
from dgf.workflows.reproduce.outcome import (
    AnsweredLine,
    CaseLine,
    MissingLine,
    RunLine,
    UnseenLine,
    case_lines,
    choose_case,
    compare_with_best,
    make_tables,
    read_runs,
    write_flat_lines,
    write_runs,
)
from dgf.workflows.reproduce.outcome import TestLine as PairedLine
from dgf.workflows.reproduce.rules import answer_by_rule
from support.tiny_experiment import ROWS, tiny

NONE, MEMBER, PEER = RELATIONS = ("None", "/per/org/member_of", "/per/per/peer")


def line(row: str, seed: str, f1: float, **changes: Any) -> RunLine:
    given = {
        "row": row, "varied": "", "seed": seed, "digest": f"{row}{seed}", "oracle": False, "protocol": "honest",
        "versions": {"dgf": "1", "torch": "2", "transformers": "5"}, "rows": 1614,
        "figures": {"accuracy": 0.8, "precision": 0.5, "recall": 0.25, "f1": f1, "macro_f1": 0.1},
        "bands": {"1000+": f1, "0-9": f1 / 2},
    }  # fmt: skip
    return RunLine(**(given | changes))


def post(number: int, relation: str | None, words: str = "", head: str = "A", split: str = "test") -> Post:
    tokens = tuple((words or f"{relation} {number}").split())
    return Post(
        f"{split}:{number}", tokens, Mention(head, 0, 1), Mention("B", 0, 1), ("p.png",) if words else (), relation
    )


def dataset(test: Sequence[Post], train: Sequence[Post] = ()) -> Dataset:
    return Dataset(Path("posts"), Path("posts"), {"train": tuple(train), "test": tuple(test)}, RELATIONS, NONE)


LINES = [line("dgf-pt", "0", 0.60), line("dgf-pt", "1", 0.64), line("mtb", "0", 0.5, oracle=True, protocol="leaks")]


def made(folder: Path, lines: Sequence[RunLine] = LINES, **changes: Any) -> str:
    folder.mkdir(exist_ok=True)
    write_runs(folder / "runs.csv", lines)
    make_tables(folder, tiny(**changes))
    return (folder / "table.md").read_text()


def test_lines_are_read_as_they_were_written(tmp_path: Path) -> None:
    lines = [*LINES, line("majority", "", 0.0, digest="", bands={}, protocol='with, "marks"\nand lines')]
    write_runs(tmp_path / "runs.csv", lines)
    assert read_runs(tmp_path / "runs.csv") == [replace(each, bands=dict(sorted(each.bands.items()))) for each in lines]


def test_the_table_has_mean_deviation_paper_and_the_oracle_below_the_line(tmp_path: Path) -> None:
    text = made(tmp_path)
    above, below = text.split("Below the line")
    f1 = f"{mean([60, 64]):.2f} ± {stdev([60, 64]):.2f}"
    row = next(row for row in above.splitlines() if row.startswith("| DGF-PT | 2 |"))
    assert f"| {f1} |" in row and "| 85.25 | 84.35 | 83.83 | 84.47 | -22.47 | no | Table 2 |" in row
    assert "| MTB | 1 | 80.00 | 50.00 | 25.00 | 50.00 | 10.00 |" in below and "| yes | Table 1 |" in below
    assert "MTB" not in above
    assert "- Protocol 1: honest" in text and "- Protocol 2: leaks" in text
    assert "no confusion matrix has the paper's: " in text and "F1 is their harmonic mean" in text


def test_figures_of_other_rows_than_the_papers_are_not_set_against_them(tmp_path: Path) -> None:
    text = made(tmp_path / "other", [line("dgf-pt", "0", 0.60, rows=300)])
    assert "| 84.47 |  | no | Table 2 |" in text and "other rows were evaluated here" in text
    assert "the paper's" not in (tmp_path / "other" / "plot.svg").read_text()
    assert "other rows" not in made(tmp_path / "same")
    assert "<!-- the paper's -->" in (tmp_path / "same" / "plot.svg").read_text()


def test_a_p_value_of_no_digit_is_no_zero(tmp_path: Path) -> None:
    tests = [PairedLine("dgf-pt", "", "mtb", "3", "-0.3", value) for value in ("9.2e-14", "0.0123")]
    for test, said in zip(tests, ("-30.00 (p &lt; 0.0001)", "-30.00 (p = 0.0123)"), strict=True):
        write_flat_lines(tmp_path / "tests.csv", PairedLine, [test])
        assert said in made(tmp_path)


def test_the_page_and_the_plots_are_made_of_the_files_alone_and_are_the_same_again(tmp_path: Path) -> None:
    made(tmp_path)
    first = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    assert first["plot.png"].startswith(b"\x89PNG") and b"DGF-PT" in first["table.html"]
    assert b"<svg" in first["plot.svg"] and b'src="data:image/png;base64,' in first["table.html"]
    made(tmp_path)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == first


@pytest.mark.parametrize("look", ["lines", "bands"])
def test_what_varies_and_bands_are_drawn(tmp_path: Path, look: str) -> None:
    varies = {"data.shots": [1, 5], "data.train_share": [0.5]} if look == "lines" else {}
    points = ["data.shots=1", "data.shots=5", "data.train_share=0.5"] if look == "lines" else [""]
    lines = [line(row, "0", 0.1 * n, varied=point) for row in ("dgf-pt", "mtb") for n, point in enumerate(points, 1)]
    text = made(tmp_path, lines, look=look, varies=varies)
    picture = (tmp_path / "plot.svg").read_text()
    assert picture.count("<!-- DGF-PT -->") == 1, "one legend for all panels"
    if look == "lines":
        assert "<!-- data.shots -->" in picture and "| DGF-PT | data.shots=5 | 1 |" in text
    else:
        assert "| system | 0-9 | 1000+ |" in text and "<!-- 1000+ -->" in picture


def test_what_varies_stands_in_the_order_of_the_experiment_though_the_first_row_lacks_a_run(tmp_path: Path) -> None:
    points = [("dgf-pt", "1"), ("dgf-pt", "20"), ("mtb", "1"), ("mtb", "5"), ("mtb", "20")]
    lines = [line(row, "0", 0.1 * n, varied=f"data.shots={shots}") for n, (row, shots) in enumerate(points)]
    text = made(tmp_path, lines, look="lines", varies={"data.shots": [1, 5, 20]})
    assert re.findall(r"MTB \| data.shots=(\d+)", text) == ["1", "5", "20"]


def test_values_that_are_no_numbers_stand_side_by_side(tmp_path: Path) -> None:
    points = ["data.shots=5", "data.shots=null"]
    lines = [line("dgf-pt", "0", 0.1 * n, varied=point) for n, point in enumerate(points, 1)]
    made(tmp_path, lines, look="lines", varies={"data.shots": [5, None]})
    assert "<!-- null -->" in (tmp_path / "plot.svg").read_text()


def test_what_is_missing_is_said_with_its_reason_and_text_of_data_is_no_markup(tmp_path: Path) -> None:
    write_flat_lines(tmp_path / "missing.csv", MissingLine, [MissingLine("mtb", "", "1", "<b>bad</b> | worse")])
    text = made(tmp_path)
    assert "- Missing: mtb, seed 1: &lt;b>bad&lt;/b> \\| worse" in text
    assert b"&lt;b&gt;bad" in (tmp_path / "table.html").read_bytes()


def test_relations_without_training_rows_are_named_once_for_all_rows_that_drew_alike(tmp_path: Path) -> None:
    unseen = [UnseenLine(row, "data.train_share=0.1", "0", f"{MEMBER}, {PEER}") for row in ("dgf-pt", "mtb")]
    write_flat_lines(tmp_path / "unseen.csv", UnseenLine, [*unseen, UnseenLine("mtb", "", "1", PEER)])
    text = made(tmp_path)
    assert f"- Trained without a row of {MEMBER}, {PEER}: dgf-pt, mtb with data.train_share=0.1, seed 0\n" in text
    assert f"- Trained without a row of {PEER}: mtb with seed 1\n" in text


def test_rows_are_compared_with_the_best_that_is_no_oracle() -> None:
    posts = [post(n, (NONE, MEMBER, PEER)[n % 3]) for n in range(60)]
    gold = {each.id: str(each.relation) for each in posts}
    wrong = gold | {each.id: PEER for each in posts[:30]}

    def of(row: str, f1: float, answers: dict[str, str], **changes: Any) -> list[AnsweredLine]:
        return [AnsweredLine(line(row, str(seed), f1, **changes), answers) for seed in range(3)]

    rule = [AnsweredLine(line("rule", "", 0.1), dict.fromkeys(gold, NONE))]
    few = of("few", 0.2, wrong)[:2]
    holes = of("holes", 0.2, {name: gold[name] for name in list(gold)[1:]})
    entries = [
        *rule,
        *of("good", 0.9, gold),
        *of("bad", 0.5, wrong),
        *of("oracle", 1.0, gold, oracle=True),
        *few,
        *holes,
    ]
    tests = {test.row: test for test in compare_with_best(entries, dataset(posts))}
    assert set(tests) == {"rule", "bad", "oracle"} and {test.best for test in tests.values()} == {"good"}
    assert float(tests["rule"].difference) == -1.0 and float(tests["bad"].p_value) < 0.01 and tests["bad"].runs == "3"
    assert float(tests["oracle"].difference) == 0.0


def test_the_case_is_the_post_that_asks_for_the_most_relations(tmp_path: Path) -> None:
    posts = [
        post(1, NONE, "one sentence here"), post(2, NONE, "one sentence here"), post(3, NONE, "one sentence here"),
        post(4, PEER, "another one", "A"), post(5, MEMBER, "another one", "C"),
        post(6, PEER, "third"), post(7, PEER, "third"), post(8, PEER, "third"),
    ]  # fmt: skip
    chosen = choose_case(dataset(posts))
    assert [each.id for each in chosen] == ["test:4", "test:5"]
    right, wrong = {"test:4": PEER, "test:5": MEMBER}, {"test:4": PEER, "test:5": NONE}
    runs = [AnsweredLine(line("dgf-pt", str(n), 0.5), answers) for n, answers in enumerate([right, wrong, wrong])]
    cases = list(case_lines(chosen, runs))
    assert [(case.head, case.answer, case.right, case.runs) for case in cases] == [
        ("A", PEER, "3", "3"),
        ("C", NONE, "1", "3"),
    ]
    write_flat_lines(tmp_path / "cases.csv", CaseLine, cases)
    text = made(tmp_path, look="cases")
    assert "another one (photo: p.png)" in text
    assert f"| C | B | {MEMBER} | 1 of 3 right, mostly None |" in text and "| 3 of 3 right |" in text
    assert not (tmp_path / "plot.svg").exists()


def test_no_case_is_no_fault(tmp_path: Path) -> None:
    assert choose_case(dataset([])) == []
    assert "no post has answers" in made(tmp_path, look="cases")


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "row,varied,seed\nx,y\n"])
def test_another_file_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(UserError, match="is not there"):
        make_tables(tmp_path, tiny())
    (tmp_path / "runs.csv").write_text(text or "\x00")
    with pytest.raises(UserError, match=re.escape("was not written by")):
        make_tables(tmp_path, tiny())


def test_lines_of_rows_that_are_gone_drop_out(tmp_path: Path) -> None:
    assert "old" not in made(tmp_path, [*LINES, line("old", "0", 0.3)])
    assert [row["name"] for row in ROWS] == ["majority", "dgf-pt", "mtb"]


def test_rules_are_learned_from_training_rows_alone() -> None:
    train = [post(n, relation, split="train") for n, relation in enumerate([NONE] * 5 + [PEER] * 4 + [MEMBER] * 3)]
    test = [post(n, relation) for n, relation in enumerate([PEER, MEMBER, NONE])]
    found = {rule: answer_by_rule(rule, dataset(test, train)) for rule in ("majority", "words", "gold-types")}
    assert set(found["majority"].answers.values()) == {NONE} and found["majority"].scores.f1 == 0
    assert found["words"].answers == {"test:0": PEER, "test:1": MEMBER, "test:2": NONE}  # the sentence names it
    assert found["gold-types"].scores.f1 == 1 and [found[rule].oracle for rule in found] == [False, False, True]
    assert "leaks the label" in found["gold-types"].protocol
    swapped = answer_by_rule("words", dataset([replace(each, relation=NONE) for each in test], train))
    assert swapped.answers == found["words"].answers
