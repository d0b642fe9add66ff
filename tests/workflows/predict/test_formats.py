"""Answers in each format, read back by the programs that it is for."""

import csv
import io
import json
import re
from typing import Any

import networkx
import pytest

from dgf.pipeline.posts import Post, post_of_object
from dgf.workflows.predict.answer import Unanswered
from dgf.workflows.predict.formats import build_format

TRIPLE = re.compile(r'<[^<>"\s]+> <[^<>"\s]+> (<[^<>"\s]+>|"([^"\\\n\r]|\\.)*"(\^\^<[^<>"\s]+>)?) \.')

ODD = {"text": 'A"d\\a met\tBo\u0001 & <Cy>', "head": {"span": [0, 5]}, "tail": {"span": [10, 13]}, "image": "a &.png"}
PLAIN = {"text": "Ann met Bo", "head": {"span": [0, 3]}, "tail": {"span": [8, 10]}}
POSTS = [post_of_object(row, f"o,\"'<{number}") for number, row in enumerate((ODD, PLAIN, PLAIN))]
FAULT = Unanswered(None, "not JSON", 4)


def row_of(post: Post, relation: str, probability: float) -> dict[str, Any]:
    best = {relation: probability}
    row = {"id": post.id, "head": post.head.text, "tail": post.tail.text, "relation": relation}
    return {**row, "probability": probability, "best": best, "types": ["per", "org"]}


ROWS = [row_of(post, f"/per/{n}", 0.25 + n / 8) for n, post in enumerate(POSTS)]


def written(name: str) -> str:
    form = build_format(name)
    answers = [form.answer(post, row) for post, row in zip(POSTS, ROWS, strict=True)]
    return "".join((form.begin(), *answers, form.unanswered(FAULT), form.end()))


def test_json_lines_hold_answers_and_faults() -> None:
    assert [json.loads(line) for line in written("jsonl").splitlines()] == [*ROWS, FAULT.row()]
    assert build_format("jsonl").answer(POSTS[1], {"head": "\u00e9"}) == '{"head": "\u00e9"}\n'
    assert build_format("jsonl", escaped=True).answer(POSTS[1], {"head": "\u00e9"}) == '{"head": "\\u00e9"}\n'


def test_csv_holds_what_json_does() -> None:
    *found, fault = csv.DictReader(io.StringIO(written("csv")))
    for post, row, cells in zip(POSTS, ROWS, found, strict=True):
        assert all(str(row[name]) == cells[name] for name in ("id", "head", "tail", "relation", "probability"))
        assert [cells["head_type"], cells["tail_type"]] == row["types"] and cells["sentence"] == " ".join(post.tokens)
        assert cells["photo"] == "".join(post.image_ids) and not cells["error"]
    assert fault["error"] == "not JSON" and not fault["relation"]


def test_a_cell_with_any_line_break_is_one_cell() -> None:
    for broken in ("a\rb", "a\nb", "a\r\nb"):
        line = build_format("csv").unanswered(Unanswered("o", broken))
        assert line.endswith("\n") and not line.endswith("\r\n")
        [cells] = csv.reader(io.StringIO(line, newline=""))
        assert cells[-1] == broken and f'"{broken}"' in line


@pytest.mark.filterwarnings("ignore")
def test_graphml_names_each_node_once_and_keeps_where_an_edge_comes_from() -> None:
    graph = networkx.read_graphml(io.BytesIO(written("graphml").encode()), force_multigraph=True)
    names = {node: values["name"].replace("\ufffd", "\1") for node, values in graph.nodes(data=True)}
    assert len(names) == 4 and set(names.values()) == {name for row in ROWS for name in (row["head"], row["tail"])}
    found = [
        (names[source], names[target], values["relation"], values["probability"], values["post"], values["head_type"])
        for source, target, values in graph.edges(data=True)
    ]
    assert sorted(found) == sorted(
        (row["head"], row["tail"], row["relation"], row["probability"], row["id"], "per") for row in ROWS
    )
    photos = [values.get("photo") for _, _, values in graph.edges(data=True)]
    assert photos.count("a &.png") == 1 and photos.count(None) == 2


def test_rdf_is_a_triple_a_line_and_says_how_sure_a_relation_is() -> None:
    first, *lines = written("rdf").splitlines()
    assert first.startswith("# ") and all(TRIPLE.fullmatch(line) for line in lines), lines
    assert "<urn:dgf:name:Ann> <urn:dgf:relation:%2Fper%2F1> <urn:dgf:name:Bo> ." in lines
    assert sum('probability> "0.375000"^^' in line for line in lines) == 1
    assert any(line.endswith(r'label> "A\"d\\a" .') for line in lines)
    assert sum("prov#wasDerivedFrom" in line for line in lines) == len(ROWS)
