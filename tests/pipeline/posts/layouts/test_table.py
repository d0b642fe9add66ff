"""CSV and TSV: checked column names, rows as in JSONL, mentions found by their words."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dgf.pipeline.errors import UserError
from dgf.pipeline.posts import COLUMNS, Dataset, Mention, read_dataset


def read(root: Path, text: str) -> Dataset:
    (root / "train.csv").write_text(text, newline="")
    return read_dataset(root, on_error="skip")


def test_a_row_becomes_a_post(tmp_path: Path) -> None:
    text = 'id,text,head,tail,head_type,relation,image\r\na1,"Ann met Bo, in\nRome",Ann,Bo,per,/p/p/peer,1.jpg\r\n\r\n,'
    dataset = read(tmp_path, text + "Ann met Annabel,Ann,met,,,\r\n")
    assert dataset.layout == "table" and [post.id for post in dataset.posts] == ["a1", "train:5"]
    post = dataset.posts[0]
    assert post.tokens == ("Ann", "met", "Bo", ",", "in", "Rome") and post.head == Mention("Ann", 0, 1, "per")
    assert post.image_ids == ("1.jpg",) and post.relation == "/p/p/peer"
    assert dataset.posts[1].image_ids == () and dataset.posts[1].relation is None


def test_tokens_and_spans_of_a_tsv_file(tmp_path: Path) -> None:
    text = "Tokens\thead_start\thead_end\ttail\nAnn met Bo Lee\t0\t1\tBo Lee\n"
    (tmp_path / "posts.tsv").write_text(text)
    (post,) = read_dataset(tmp_path / "posts.tsv").posts
    assert (post.head, post.tail) == (Mention("Ann", 0, 1), Mention("Bo Lee", 2, 4))


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("text,head,tail,realtion", "no such column: 'realtion'"),
        ("text,head,tail,Head", "a column stands twice: head"),
        ("head,tail_start", "columns are missing for: text or tokens, tail"),
        ('"text,head', "not a row of a table"),
    ],
)
def test_a_header_is_checked(tmp_path: Path, header: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        read(tmp_path, f"{header}\nx,y,z,w\n")
    assert "train.csv:1" in caught.value.message and caught.value.hint is not None
    assert "name" in caught.value.hint or all(column in caught.value.hint for column in COLUMNS)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("Ann met Bo,Ann", "has 2 cells, and there are 5 columns"),
        ("Ann met Ann,Ann,met,,", "head 'Ann': these words occur 2 times: give head_start and head_end"),
        ("Ann met Bo,Ann,Cy,,", "tail 'Cy': these words do not occur: give tail_start and tail_end"),
        ("Ann met Bo,Bo,met,0,3", "head name 'Bo' differs from characters [0, 3): 'Ann'"),
        ("Ann met Bo,,met,0,", "must have head_start and head_end, or the words of the head"),
        ("Ann met Bo,,met,0,x", "head_start and head_end must be whole numbers, not '0', 'x'"),
        (f"Ann met Bo,,met,0,{'9' * 90}", f"head_start and head_end must be whole numbers, not '0', '{'9' * 56}..."),
        ("Ann met Bo,,met,0,99", "head span [0, 99) is out of range: the post has 10 characters"),
        ('"Ann" met,Ann,met,,', "not a row of a table: ',' expected after '\"'"),
        ("x" * 70000, "not a row of a table: line longer than 65536 characters"),
    ],
)
def test_a_bad_row_says_what_is_wrong(tmp_path: Path, row: str, message: str) -> None:
    text = f"text,head,tail,head_start,head_end\nAnn met Bo,Ann,Bo,,\n{row}\nAnn met Bo,Ann,Bo,,\n"
    dataset = read(tmp_path, text)
    assert [(fault.file.name, fault.line, fault.message) for fault in dataset.faults] == [("train.csv", 3, message)]
    assert [post.id for post in dataset.posts] == ["train:2", "train:4"]


def test_a_row_in_another_encoding_says_which_character_was_likely_meant(tmp_path: Path) -> None:
    row = "{} met Bo,Bo,met\n"
    (tmp_path / "train.csv").write_bytes(f"text,head,tail\n{row.format('René')}{row.format('Ann')}".encode("cp1252"))
    dataset = read_dataset(tmp_path, on_error="skip")
    assert [(fault.line, fault.message) for fault in dataset.faults] == [
        (2, "not UTF-8 (byte 0xe9 at column 4), in Windows-1252 'é'")
    ]
    assert [post.id for post in dataset.posts] == ["train:3"]


def test_a_header_of_a_thousand_names_is_told_in_a_line(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        read(tmp_path, ",".join(f"column {number}" for number in range(1000)) + "\n")
    assert caught.value.message.endswith("'column 4' and 995 more")


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=3, max_size=30), st.data())
def test_a_table_is_read_as_the_same_rows_of_jsonl(tmp_path_factory: Any, text: str, data: st.DataObject) -> None:
    root = tmp_path_factory.mktemp("table")
    spans = [sorted(data.draw(st.lists(st.integers(0, len(text)), min_size=2, max_size=2))) for _ in range(2)]
    row = {"text": text, "head": {"span": spans[0]}, "tail": {"span": spans[1]}, "relation": "r"}
    (root / "posts.jsonl").write_text(json.dumps(row) + "\n")
    with (root / "posts.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "head_start", "head_end", "tail_start", "tail_end", "relation"])
        writer.writerow([text, *spans[0], *spans[1], "r"])
    found = []
    for name in ("posts.jsonl", "posts.csv"):
        try:
            (post,) = read_dataset(root / name).posts
            found.append((post.tokens, post.head, post.tail, post.relation))
        except UserError:
            found.append(())  # type: ignore[arg-type]
    assert found[0] == found[1]


def test_a_stray_quote_says_which_lines_it_took_and_ends_somewhere(tmp_path: Path) -> None:
    good = "Ann met Bo,Ann,Bo\n"
    dataset = read(tmp_path, f'text,head,tail\n{good}"Ann said\n{good}{good}said" Bo,Ann,Bo\n{good}')
    assert [(fault.line, fault.message[:14]) for fault in dataset.faults] == [(3, "lines 3 to 6: ")]
    assert [post.id for post in dataset.posts] == ["train:2", "train:7"]
    several = read(tmp_path, f'text,head,tail\n"Ann said\n{good}said",Ann\n{good}')
    assert several.faults[0].message == "lines 2 to 4: has 2 cells, and there are 3 columns"
    rows = 2 * 65536 // len(good)
    endless = read(tmp_path, f'text,head,tail\n"Ann said\n{good * rows}')
    assert [fault.line for fault in endless.faults] == [2]
    assert "longer than 65536 characters" in endless.faults[0].message and len(endless.posts) > rows // 3


def test_a_quote_is_a_character_of_a_tsv_file(tmp_path: Path) -> None:
    (tmp_path / "train.tsv").write_text('text\thead\ttail\n"Ann met Bo\tAnn\tBo\nAnn met Bo\tAnn\tBo\n')
    assert [post.id for post in read_dataset(tmp_path).posts] == ["train:2", "train:3"]
    assert read_dataset(tmp_path).posts[0].tokens[0] == '"'


@pytest.mark.parametrize("column", ["text", "tokens"])
def test_a_mention_that_was_found_counts_characters_whatever_spans_count(tmp_path: Path, column: str) -> None:
    (tmp_path / "train.csv").write_text(f"{column},head,tail\n\U0001f600 Ann met Bo,Ann,Bo\n")
    (post,) = read_dataset(tmp_path, span_unit="utf16").posts
    assert (post.head, post.tail) == (Mention("Ann", 1, 2), Mention("Bo", 3, 4))


def test_words_that_occur_twice_in_one_another_are_not_found_once(tmp_path: Path) -> None:
    dataset = read(tmp_path, "text,head,tail\nha ha ha said Ann,ha ha,Ann\nAnn met Bo,Ann,Bo\n")
    assert [fault.message[:42] for fault in dataset.faults] == ["head 'ha ha': these words occur 2 times: g"]
