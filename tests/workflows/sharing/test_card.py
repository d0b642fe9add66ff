"""The model card: made of the run folder, completed by `dgf eval`, sound whatever names stand in it."""

import json
import logging
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from huggingface_hub import ModelCard
from markdown_it import MarkdownIt

from dgf.workflows.evaluate import EvalSettings, evaluate
from dgf.workflows.sharing.card import CARD, make_card, write_card
from dgf.workflows.training.run_folder import RunFolder
from support.shipped import REPOSITORY
from support.somebodys_run import HOSTILE


@pytest.fixture(scope="module")
def before(trained: RunFolder) -> str:
    """The card as training left it."""
    return (trained.path / CARD).read_text()


@pytest.fixture(scope="module")
def evaluated(trained: RunFolder, before: str) -> RunFolder:
    evaluate(EvalSettings(trained.path, device="cpu", page=False))
    return trained


@pytest.fixture
def copy(evaluated: RunFolder, tmp_path: Path) -> RunFolder:
    """One that a test may change, without checkpoints."""
    shutil.copytree(evaluated.path, tmp_path / "run", ignore=shutil.ignore_patterns("checkpoints"))
    return RunFolder(tmp_path / "run")


def front_matter(card: str) -> dict[str, Any]:
    return dict(ModelCard(card).data.to_dict())


def body(card: str) -> str:
    return card.split("\n---\n", 1)[1]


def texts(card: str) -> Iterator[tuple[str, str]]:
    """Kind and content of everything that stands in a line of the card, as a reader of Markdown takes it."""
    for token in MarkdownIt("gfm-like", {"linkify": False}).parse(body(card)):
        for inner in token.children or ():
            yield inner.type, inner.content


def test_training_leaves_a_card_that_says_what_the_run_is(trained: RunFolder, before: str) -> None:
    about = front_matter(before)
    assert about["library_name"] == "dgf" and {"relation-extraction", "dgf-pt"} <= set(about["tags"])
    assert about["license"] == "other" and not {"model-index", "base_model", "datasets"} & about.keys()
    facts = trained.read_data()
    assert all(digest in before for digest in (*facts["inputs"].values(), facts["digests"]["language model"]))
    for said in (
        "None yet: `dgf eval`",
        "training rows | 12, 12 of them with words alone",
        "epoch 1 of 1 has the best",
    ):
        assert said in before
    assert 'model = dgf.load("run")' in before and "| entity types | `types.jsonl` | no | its own" in before
    assert "| language model | `lm` | yes, its weights in model.safetensors" in before


def test_no_place_on_this_disk_is_in_a_card(trained: RunFolder, evaluated: RunFolder, before: str) -> None:
    after = (evaluated.path / CARD).read_text()
    report = json.loads((evaluated.path / "eval-test" / "report.json").read_text())
    assert str(trained.path.parent) in report["protocols"]["types"], "there is something to hide"
    for card in (before, after):
        assert "of zoe" not in card and str(trained.path.parents[1]) not in card
    assert "some in types.jsonl (sha256 " in after


def test_evaluation_adds_the_figures_with_their_intervals(evaluated: RunFolder, copy: RunFolder) -> None:
    card = (evaluated.path / CARD).read_text()
    report = json.loads((evaluated.path / "eval-test" / "report.json").read_text())
    [model] = front_matter(card)["model-index"]
    [result] = model["results"]
    assert result["dataset"] == {"type": "posts-of-mine", "name": "posts of mine", "split": "test"}
    assert model["name"] == "run" and report["protocols"]["selection"] in card and "None yet" not in card

    # each figure by its name, of which no two are the same
    shown = ("accuracy", "precision", "recall", "f1", "macro_f1")
    scores = report["scores"]
    scores |= {name: 0.61234 + place / 100 for place, name in enumerate(shown)}
    scores["intervals"] = {name: [scores[name] - 0.03, scores[name] + 0.04] for name in shown}
    member = scores["per_relation"]["/per/org/member_of"]
    member["f1"] = 0.5512
    (copy.path / "eval-test" / "report.json").write_text(json.dumps(report))
    card = make_card(copy)
    [result] = front_matter(card)["model-index"][0]["results"]
    said = ("accuracy", "micro precision", "micro recall", "micro F1", "macro F1")
    for name, words, metric in zip(shown, said, result["metrics"], strict=True):
        low, high = (f"{100 * end:.1f}" for end in scores["intervals"][name])
        assert f"| {words} | {100 * scores[name]:.2f} | {low} to {high} |" in card
        assert metric["value"] == round(scores[name], 4)
        assert metric["name"] == f"{words} (95% interval, in percent: {low} to {high})"
    assert f"| `/per/org/member_of` | 4 | 55.1 | {member['support']} |" in card


def test_what_gives_the_label_away_is_no_result(copy: RunFolder) -> None:
    file = copy.path / "eval-test" / "report.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "oracle": True}))
    card = make_card(copy)
    assert "model-index" not in front_matter(card) and "these figures are no results" in card
    file.write_text("{}")
    assert "None yet" in make_card(copy), "what is no report of this version is left out"


def test_a_report_elsewhere_and_a_card_changed_by_hand_leave_it_as_it_is(
    copy: RunFolder, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = copy.path / CARD
    file.unlink()
    evaluate(EvalSettings(copy.path, split="val", out=tmp_path / "elsewhere", device="cpu", page=False))
    assert not file.exists()
    evaluate(EvalSettings(copy.path, split="val", device="cpu", page=False))
    assert file.read_text().count("95% interval |") == 2
    mine = file.read_bytes().replace(b"license: other", b"license: mit")
    file.write_bytes(mine)
    with caplog.at_level(logging.INFO, logger="dgf"):
        write_card(copy)
    assert file.read_bytes() == mine and "changed by hand" in caplog.text
    file.unlink()
    write_card(copy)
    assert b"license: other" in file.read_bytes()


def test_a_relation_is_a_name_whatever_stands_in_it(evaluated: RunFolder, copy: RunFolder) -> None:
    card = (evaluated.path / CARD).read_text()
    rows = re.findall(r"^\| .*evil.*$", body(card), flags=re.M)
    kinds = {kind for kind, _ in texts(card)}
    assert len(rows) == 1 and kinds <= {
        "text",
        "code_inline",
        "softbreak",
        "strong_open",
        "strong_close",
        "html_inline",
    }
    assert {content for kind, content in texts(card) if kind == "html_inline"} <= {"<code>", "</code>"}
    said = "".join(content for kind, content in texts(card) if kind in ("text", "text_special"))
    assert "**b**" in said and HOSTILE.partition("|")[2][:9] in said and set(front_matter(card)) >= {"license"}


def test_a_sentence_is_text_whatever_stands_in_it(copy: RunFolder) -> None:
    file = copy.path / "eval-test" / "report.json"
    said = "**b** <img src=x> [x](http://evil.example) `c` | d & _e_ ~~f~~"
    file.write_text(json.dumps({**json.loads(file.read_text()), "protocol": said}))
    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(body(make_card(copy)))
    [parts] = [token.children or [] for token in tokens if token.content.startswith("Protocol: ")]
    assert {part.type for part in parts} <= {"text", "text_special"}
    assert "".join(part.content for part in parts) == f"Protocol: {said}."


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("a`b``c", "a`b``c"),
        ("`", "`"),
        ("a|b", "a|b"),
        ("a\\|b", "a\\|b"),
        ("x\n---\nlicense: mit", "x --- license: mit"),
        ("tab\tand \x1b[31m red", "tab and [31m red"),
    ],
)
def test_names_stay_on_their_line_and_in_their_cell(copy: RunFolder, name: str, said: str) -> None:
    report = json.loads((copy.path / "eval-test" / "report.json").read_text())
    report["scores"]["per_relation"] = {}
    (copy.path / "eval-test" / "report.json").write_text(json.dumps({**report, "split": name, "data": name}))
    card = make_card(copy)
    about = front_matter(card)
    assert about["license"] == "other" and "\n" not in about["model-index"][0]["results"][0]["dataset"]["name"]
    header = next(line for line in body(card).splitlines() if line.startswith("| relation | training rows |"))
    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(f"{header}\n|---|---|---|---|\n")
    cells = [token.children or [] for token in tokens if token.type == "inline"]
    told = ["".join(part.content for part in cell if part.type != "html_inline") for cell in cells]
    assert told == ["relation", "training rows", f"F1 on {said}, %", "rows"]
    assert "\x1b" not in card


def test_the_paper_is_that_of_the_citation(before: str) -> None:
    paper = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text())["preferred-citation"]
    authors = " and ".join(f"{person['family-names']}, {person['given-names']}" for person in paper["authors"])
    assert all(said in before for said in (paper["title"], paper["collection-title"], str(paper["year"]), authors))
