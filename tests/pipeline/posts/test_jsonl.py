import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dgf.pipeline.errors import UserError
from dgf.pipeline.posts import Mention, Post, read_dataset

TOKENS = {"tokens": ["Ann", "met", "Bo"], "head": {"span": [0, 1]}, "tail": {"span": [2, 3]}}
TEXT = {"text": "Ann met Bo", "head": {"span": [0, 3]}, "tail": {"span": [8, 10]}}


def write(path: Path, *rows: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows))
    return path


def one(tmp_path: Path, row: object) -> Post:
    (posts,) = read_dataset(write(tmp_path / "test.jsonl", row)).splits.values()
    return posts[0]


def fault(tmp_path: Path, row: object) -> str:
    dataset = read_dataset(write(tmp_path / "test.jsonl", TOKENS, row), on_error="skip")
    (found,) = dataset.faults
    assert found.line == 2
    return found.message


def test_words_and_characters_give_the_same_post(tmp_path: Path) -> None:
    words, characters = one(tmp_path, TOKENS), one(tmp_path, TEXT)
    assert words == characters
    assert (words.head, words.tail) == (Mention("Ann", 0, 1), Mention("Bo", 2, 3))
    assert words.id == "test:1" and words.relation is None and words.image_ids == ()


def test_every_optional_field(tmp_path: Path) -> None:
    row = {**TEXT, "id": 17, "image": "a b/ż.jpg", "relation": "None", "split": "dev", "author": "ignored"}
    row["head"] = {"span": [0, 3], "text": "Ann", "type": "per"}
    dataset = read_dataset(write(tmp_path / "mine.jsonl", row))
    (post,) = dataset.splits["val"]
    assert post.id == "17" and post.image_ids == ("a b/ż.jpg",) and post.relation == "None"
    assert post.head == Mention("Ann", 0, 1, "per")
    assert dataset.image_root == tmp_path and dataset.relations == ("None",)


def test_a_mention_may_be_part_of_a_written_word(tmp_path: Path) -> None:
    row = {"text": " @Ann's  hat 🐎\tin\nNew York!", "head": {"span": [2, 5]}, "tail": {"span": [18, 26]}}
    post = one(tmp_path, row)
    assert post.tokens == ("@", "Ann", "'s", "hat", "🐎", "in", "New", "York", "!")
    assert post.head == Mention("Ann", 1, 2) and post.tail == Mention("New York", 6, 8)


def test_words_of_a_text(tmp_path: Path) -> None:
    row = {"text": "Ann  met Bo", "head": {"span": [0, 1], "unit": "words"}, "tail": {"span": [2, 3], "unit": "words"}}
    assert one(tmp_path, row).tail == Mention("Bo", 2, 3)


def test_white_space_at_the_ends_of_a_span_is_no_part_of_it(tmp_path: Path) -> None:
    assert one(tmp_path, {**TEXT, "head": {"span": [0, 4]}}).head == Mention("Ann", 0, 1)


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40), st.data())
def test_spans_in_any_text_cover_what_they_say(text: str, data: st.DataObject) -> None:
    from dgf.pipeline.faults import RowError
    from dgf.pipeline.posts.layouts.jsonl import _over_text
    from dgf.pipeline.posts.spans import WordedText

    spans = [sorted(data.draw(st.lists(st.integers(0, len(text)), min_size=2, max_size=2))) for _ in range(2)]
    try:
        tokens, found = _over_text(
            WordedText(text), {"head": {"span": spans[0]}, "tail": {"span": spans[1]}}, "characters"
        )
    except RowError:
        return
    assert "".join(tokens) == "".join(text.split())
    for (start, end), mention in zip(spans, found.values(), strict=True):
        assert mention.text == text[start:end].strip()
        assert "".join(tokens[mention.start : mention.end]) == "".join(mention.text.split())


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({**TOKENS, "text": "Ann met Bo"}, "must have either text or tokens, not both"),
        ({"head": {"span": [0, 1]}, "tail": {"span": [1, 2]}}, "must have either text or tokens"),
        ({**TOKENS, "head": {"span": [0, 9]}}, "head span [0, 9) is out of range: the post has 3 words"),
        ({**TEXT, "head": {"span": [0, 99]}}, "head span [0, 99) is out of range: the post has 10 characters"),
        ({**TEXT, "head": {"span": [3, 4]}}, "head span [3, 4) covers white space alone"),
        ({**TOKENS, "head": {"span": [1, 1]}}, "head span [1, 1) is empty"),
        ({**TOKENS, "head": {}}, "head span must be [start, end) in words, not None"),
        ({**TOKENS, "head": {"span": [True, 2]}}, "head span must be [start, end) in words, not [True, 2]"),
        ({**TOKENS, "tail": None}, "tail must be an object, not None"),
        ({**TOKENS, "tail": {"span": [0, 1]}}, "head and tail are the same words [0, 1): 'Ann'"),
        ({**TOKENS, "head": {"span": [0, 1], "name": "Bo"}}, "head name 'Bo' differs from words [0, 1): 'Ann'"),
        ({**TEXT, "head": {"span": [0, 3], "text": "Bo"}}, "head name 'Bo' differs from characters [0, 3): 'Ann'"),
        (
            {**TEXT, "head": {"span": [0, 3], "text": "Ann", "name": "Bo"}},
            "head text and name differ: {'text': 'Ann', 'name': 'Bo'}",
        ),
        (
            {**TOKENS, "head": {"span": [0, 1], "unit": "lines"}},
            'head unit must be "words", "characters" or "utf16", not \'lines\'',
        ),
        (
            {**TOKENS, "head": {"span": [0, 1], "unit": "characters"}},
            "head span is in characters, but the post has tokens: give it in words, or give text",
        ),
        ({**TOKENS, "id": ""}, "id is empty"),
        ({**TOKENS, "id": 1.5}, "id must be a string, not 1.5"),
        ({**TOKENS, "id": "test:1"}, "id 'test:1' is taken by an earlier row"),
        ({**TOKENS, "image": ["a.jpg"]}, "image must be a string, not ['a.jpg']"),
        ({**TOKENS, "relation": ["None"]}, "relation must be a string, not ['None']"),
        ({**TOKENS, "head": {"span": [0, 1], "type": 3}}, "head type must be a string, not 3"),
        ([1], "a row must be an object, not [1]"),
        ("{", "not JSON: Expecting property name enclosed in double quotes at column 2"),
        ('{"a": NaN}', "not JSON: NaN is not a JSON value"),
        ('{"a": -Infinity}', "not JSON: -Infinity is not a JSON value"),
        ('{"a": 1, "a": 2}', "not JSON: a key appears twice"),
        ('{"a": ' + "9" * 5000 + "}", "not JSON: an integer of over 64 bits"),
        ("[" * 60000, "not JSON: RecursionError"),
        (
            '{"text": "\\ud800x y", "head": {"span": [0, 1]}, "tail": {"span": [3, 4]}}',
            "text holds half a surrogate pair: '\\ud800x y'",
        ),
    ],
)
def test_a_bad_row_says_what_is_wrong(tmp_path: Path, row: object, message: str) -> None:
    assert fault(tmp_path, row) == message


def test_a_folder_of_splits(tmp_path: Path) -> None:
    for name in ("train", "dev", "test"):
        write(tmp_path / f"{name}.jsonl", TOKENS)
    write(tmp_path / "relations.json", {"None": 0, "/a": 1})
    dataset = read_dataset(tmp_path)
    assert [posts[0].id for posts in dataset.splits.values()] == ["train:1", "val:1", "test:1"]
    assert list(dataset.splits) == ["train", "val", "test"] and dataset.relations == ("None", "/a")


def test_a_row_may_not_stray_into_another_splits_file(tmp_path: Path) -> None:
    write(tmp_path / "train.jsonl", TOKENS, {**TOKENS, "split": "test"})
    (found,) = read_dataset(tmp_path, on_error="skip").faults
    assert found.message == "split 'test' in the file of the split train"


def test_ids_are_unique_over_all_files(tmp_path: Path) -> None:
    write(tmp_path / "train.jsonl", {**TOKENS, "id": "x"})
    write(tmp_path / "test.jsonl", {**TOKENS, "id": "x"})
    with pytest.raises(UserError, match="id 'x' is taken"):
        read_dataset(tmp_path)


def test_one_file_may_hold_several_splits(tmp_path: Path) -> None:
    rows = [{**TOKENS, "split": "train"}, {**TOKENS, "split": "validation"}, TOKENS]
    dataset = read_dataset(write(tmp_path / "posts.jsonl", *rows))
    assert {split: len(posts) for split, posts in dataset.splits.items()} == {"posts": 1, "train": 1, "val": 1}
