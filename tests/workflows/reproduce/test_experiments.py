"""Experiments as YAML: every fault of a file is told, all at once; the files that dgf has are sound."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dgf.pipeline.errors import UserError
from dgf.pipeline.yaml_values import dump_yaml
from dgf.workflows.reproduce.experiments import check_experiment, experiment_files, read_experiments
from support.tiny_experiment import PAPER, ROWS, tiny_content

NAMES = ["benchmark", "few-shot", "figure-3", "figure-4", "figure-5", "table-1", "table-2", "table-4"]


def changed(row: int, **changes: Any) -> dict[str, Any]:
    """The tiny experiment with one row changed."""
    rows = [{**entry, **changes} if place == row else entry for place, entry in enumerate(ROWS)]
    return tiny_content(rows=rows, paper=list(PAPER))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (tiny_content(tittle="x"), "tittle: unknown key; did you mean title?"),
        (changed(1, kyes={}), "rows.2.kyes: unknown key; did you mean rows.2.keys?"),
        (changed(1, keys={"model.prefx_hidden": 8}), "did you mean model.prefix_hidden?"),
        (changed(1, keys={"model.prefix_hidden": 0}), "rows.dgf-pt.keys: model.prefix_hidden"),
        (changed(2, keys={"model.name": "nosuch"}), "rows.mtb.keys: model.name: 'nosuch' is none of: dgf-pt"),
        (changed(1, keys={"seed": 1}), "seed: is not for a row"),
        (changed(2, name="dgf-pt"), "rows.dgf-pt: the name appears twice"),
        (
            changed(1, paper={"accuracy": "85.25", "precision": "1", "f1": "1"}),
            "has no recall, and the paper prints one",
        ),
        (changed(1, paper={**ROWS[1]["paper"], "macro": "1"}), "rows.2.paper.macro"),
        (tiny_content(paper=["f1"]), "rows.mtb.paper: recall: is not among the experiment's figures"),
        (changed(1, paper={**ROWS[1]["paper"], "f1": 84.47}), "rows.2.paper.f1"),
        (changed(1, paper={**ROWS[1]["paper"], "f1": "much"}), "'much' is not a percentage"),
        (changed(1, source=""), "source: must say where the paper's figures stand"),
        (changed(0, rule="nosuch"), "rule: 'nosuch' is none of: majority"),
        (changed(0, keys={"model.name": "mtb"}), "rule: stands in place of keys"),
        (changed(0, name="Most frequent"), "rows.1.name"),
        (tiny_content(varies={"data.imageshare": [0.5]}), "did you mean data.image_share?"),
        (tiny_content(look="pie"), "look: 'pie' is none of"),
        (tiny_content(rows=ROWS[:1], paper=list(PAPER)), "rules alone"),
        (tiny_content(rows=[]), "must hold title, of, and rows"),
        ("text", "must hold title, of, and rows"),
    ],
)
def test_a_fault_is_told(content: object, said: str) -> None:
    faults = check_experiment(content, "tiny")[1]
    assert any(said in fault for fault in faults), faults


def test_every_fault_of_every_file_is_in_one_message(tmp_path: Path) -> None:
    files = []
    for name, content in {"a": changed(2, name="dgf-pt"), "b": changed(1, keys={"model.x": 1}, source="")}.items():
        files.append(str(tmp_path / f"{name}.yaml"))
        Path(files[-1]).write_text(dump_yaml(content))
    with pytest.raises(UserError, match="3 fault") as raised:
        read_experiments(files)
    for said in (
        "a.yaml: rows.dgf-pt: the name appears twice",
        "b.yaml: rows.dgf-pt.keys: model.x",
        "b.yaml: rows.dgf-pt.source",
    ):
        assert said in str(raised.value)


def test_a_sound_file_is_read_and_its_figures_are_examined(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(dump_yaml(tiny_content()))
    [experiment] = read_experiments([str(tmp_path / "mine.yaml")])
    rows = {row.name: row for row in experiment.rows}
    assert experiment.name == "mine" and list(rows) == ["majority", "dgf-pt", "mtb"]
    assert rows["mtb"].printed == {"precision": "64.51", "recall": "68.44", "f1": "66.41"}
    possible = {name: row.feasibility.possible for name, row in rows.items() if row.feasibility is not None}
    assert possible == {"dgf-pt": False, "mtb": True}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=30, deadline=None)
@given(st.dictionaries(st.sampled_from(["title", "of", "look", "varies", "paper", "note", "x"]), VALUES), st.data())
def test_whatever_a_file_holds_ends_in_faults_or_an_experiment(top: dict[str, Any], data: st.DataObject) -> None:
    keys = st.sampled_from(["name", "title", "keys", "rule", "paper", "source", "x"])
    rows = data.draw(st.lists(st.dictionaries(keys, VALUES) | VALUES, max_size=3))
    experiment, faults = check_experiment({**tiny_content(rows=[*ROWS, *rows], paper=list(PAPER)), **top}, "any")
    assert experiment is not None or faults


def test_the_experiments_that_dgf_has_are_sound_and_have_all_rows() -> None:
    found = {experiment.name: experiment for experiment in read_experiments()}
    assert list(found) == sorted(experiment_files()) == NAMES
    counts = {name: len(experiment.rows) for name, experiment in found.items()}
    assert counts["table-1"] == 11 and counts["table-2"] == 14 and counts["table-4"] == 6
    for name in ("table-1", "table-2", "table-4"):
        assert all(row.printed and row.source for row in found[name].rows)
    assert found["figure-3"].varies == {"data.image_share": (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)}
    assert {row.rule for row in found["benchmark"].rows} == {None, "majority", "words", "gold-types"}


def test_figures_of_the_paper_are_those_that_it_prints(shared_dir: Path) -> None:
    text = (shared_dir / "paper" / "dgf-pt.md").read_text()
    lines = [
        line.replace("<b>", "").replace("</b>", "").replace("<u>", "").replace("</u>", "") for line in text.splitlines()
    ]
    for experiment in read_experiments(["table-1", "table-2", "table-4"]):
        for row in experiment.rows:
            figures = [row.paper[name] for name in experiment.paper if row.paper[name] != "-"]
            assert any(all(figure in line for figure in figures) for line in lines), (experiment.name, row.name)


def test_no_experiment_of_that_name() -> None:
    with pytest.raises(UserError, match="no experiment is called 'table-9'"):
        read_experiments(["table-9"])
