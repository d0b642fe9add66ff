"""Data sets whose rows have MNRE's keys: as many posts as there are rows, each fault with its file and line."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dgf.pipeline.faults import FaultLog
from dgf.pipeline.posts import OBJECT, Dataset, Mention, Post, ReadOptions, collect_dataset, read_dataset
from dgf.pipeline.posts.layouts.mnre_keys import box_row

TOKENS = ["Ann", "of", "New", "York", "sings"]
ANN, YORK = {"name": "Ann", "pos": [0, 1]}, {"name": "New York", "pos": [2, 4]}
ROW: dict[str, Any] = {"token": TOKENS, "h": ANN, "t": YORK, "img_id": "1.jpg", "relation": "/per/loc/place_of_birth"}
HEAD, TAIL = Mention("Ann", 0, 1), Mention("New York", 2, 4)


def literals(path: Path, *rows: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{row if isinstance(row, str) else repr(row)}\n" for row in rows))
    return path


def array(path: Path, *rows: object) -> Path:
    path.write_text("[" + ",\n".join(map(json.dumps, rows)) + "]")
    return path


def read(root: Path) -> Dataset:
    return read_dataset(root, on_error="skip")


def lines(dataset: Dataset) -> list[tuple[str, int | None, str]]:
    return [(fault.file.name, fault.line, fault.message) for fault in dataset.faults]


def test_mnre_1_is_told_by_its_name_or_by_photos_that_are_numbers(tmp_path: Path) -> None:
    literals(tmp_path / "own" / "mnre_txt" / "mnre_org_val.txt", {**ROW, "relation": "none"})
    literals(tmp_path / "numbers" / "txt" / "ours_train.txt", {**ROW, "img_id": 17}, {**ROW, "img_id": True}, ROW)
    own, numbers = read(tmp_path / "own"), read(tmp_path / "numbers")
    assert (own.layout, own.negative, len(own.splits["val"])) == ("mnre-1", "none", 1)
    assert numbers.layout == "mnre-1" and [post.id for post in numbers.posts] == ["train:1", "train:3"]
    assert numbers.posts[0].image_ids == ("17.jpg", "train/17.jpg", "val/17.jpg", "test/17.jpg")
    assert lines(numbers) == [("ours_train.txt", 2, "img_id must be a string, not True")]
    literals(tmp_path / "two" / "txt" / "ours_train.txt", ROW)
    assert read(tmp_path / "two").layout == "mnre"


def test_jmere_has_a_row_for_each_relation_of_a_sentence(tmp_path: Path) -> None:
    label = {"beg_ent": {**ANN, "tags": "per"}, "sec_ent": {**YORK, "tags": "loc"}, "relation": "peer"}
    back = {"beg_ent": label["sec_ent"], "sec_ent": label["beg_ent"], "relation": "None"}
    sentence = {"token": TOKENS, "img_id": "1.jpg"}
    far = {**label, "sec_ent": {"name": "York", "pos": [3, 9], "tags": "loc"}}
    bad = [{**sentence, "label_list": []}, {**sentence, "label_list": [[far], [label]]}]
    array(tmp_path / "train.json", {**sentence, "label_list": [[label], [back]]}, *bad)
    dataset = read(tmp_path)
    assert dataset.layout == "jmere" and dataset.relations == ("None", "peer") and dataset.negative == "None"
    assert [post.id for post in dataset.posts] == ["train:1.1", "train:1.2", "train:3.2"]
    assert dataset.posts[0].head == Mention("Ann", 0, 1, "per")
    assert dataset.posts[1].tail == dataset.posts[0].head and dataset.posts[1].relation == "None"
    assert lines(dataset) == [
        ("train.json", 2, "label_list must be a list of relations, not []"),
        ("train.json", 3, "sec_ent pos [3, 9) is out of range: the post has 5 words"),
    ]


def test_m2re_has_a_row_for_each_relation_of_a_pair_and_says_so(tmp_path: Path) -> None:
    rows = [{**ROW, "relation": relation} for relation in (["a", "b"], "a", ["b"], ["a", "a"], [])]
    array(tmp_path / "val.json", *rows)
    dataset = read(tmp_path)
    assert dataset.layout == "m2re"
    assert [(post.id, post.relation) for post in dataset.posts] == [
        ("val:1.1", "a"), ("val:1.2", "b"), ("val:2", "a"), ("val:3", "b"),
    ]  # fmt: skip
    assert dataset.notes == (f"{tmp_path / 'val.json'}: 1 pairs have several relations: each is a row of its own",)
    assert [line for _, line, _ in lines(dataset)] == [4, 5]
    assert all("must be a list of different relations" in message for *_, message in lines(dataset))


def test_the_tail_of_more_is_an_object_of_the_photo(tmp_path: Path) -> None:
    boxed = {**ROW, "t": {"name": "[OBJ0]", "box": (0.5, 0.5, 0.25, 0.5)}}
    wrong = [{**boxed, "t": {"name": "o", "box": box}} for box in ((0.5, 0.5, 0.0, 0.5), (0.5, 0.5, 2.0, 0.5), [1], 3)]
    literals(tmp_path / "txt" / "valid.txt", boxed, *wrong, {**boxed, "img_id": None})
    dataset = read(tmp_path)
    (post,) = dataset.posts
    assert dataset.layout == "more" and post.id == "val:1"
    assert post.tokens == (*TOKENS, OBJECT) and post.head == HEAD
    assert post.tail == Mention(OBJECT, 5, 6, box=(0.375, 0.25, 0.625, 0.75))
    assert [line for _, line, _ in lines(dataset)] == [2, 3, 4, 5, 6]
    assert lines(dataset)[0][2].startswith("t box has no area")
    assert lines(dataset)[2][2] == "t box must be four numbers, not [1]"
    assert lines(dataset)[4][2] == "a mention is a box in the photo, and the row names no photo"


@pytest.mark.parametrize(
    ("boxes", "form", "box"),
    [
        ([(0.5, 0.5, 0.2, 0.4), (0.8, 0.8, 0.9, 0.9)], "middle, width and height", (0.4, 0.3, 0.6, 0.7)),
        ([(0.7, 0.6, 0.9, 0.8), (0.1, 0.1, 0.3, 0.3)], "left, top, right and bottom", (0.7, 0.6, 0.9, 0.8)),
    ],
)
def test_umre_has_boxes_on_both_sides_and_tells_what_their_numbers_are(
    boxes: list[tuple[float, ...]], form: str, box: tuple[float, ...], tmp_path: Path
) -> None:
    first, second = ({"name": f"[OBJ{i}]", "box": box} for i, box in enumerate(boxes))
    rows = [{**ROW, "t": first}, {**ROW, "h": {"name": ["New", "York"], "pos": [2, 4]}, "t": {"pos": boxes[0]}}]
    literals(tmp_path / "val_set.json", *rows, {**ROW, "h": first, "t": second}, {**ROW, "h": first, "t": first})
    dataset = read(tmp_path)
    assert dataset.layout == "umre" and dataset.notes == (f"{tmp_path / 'val_set.json'}: boxes are read as {form}",)
    assert [post.tail.box for post in dataset.posts][:2] == [pytest.approx(box)] * 2
    assert dataset.posts[1].head == TAIL
    faults = lines(dataset)
    if form.startswith("middle"):  # the second box leaves the photo, so that this row is at fault too
        assert [line for _, line, _ in faults] == [3, 4]
    else:
        post = dataset.posts[2]
        assert post.tokens == (*TOKENS, OBJECT, OBJECT) and (post.head.start, post.tail.start) == (5, 6)
        assert [line for _, line, _ in faults] == [4]
    assert "head and tail are the same box" in faults[-1][2]


WORDS = st.lists(st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=6), min_size=2, max_size=8)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(WORDS, st.data()), min_size=1, max_size=3))
def test_what_is_written_is_read_again(tmp_path_factory: Any, drawn: list[tuple[list[str], st.DataObject]]) -> None:
    root = tmp_path_factory.mktemp("round")
    posts, rows = [], []
    for number, (words, data) in enumerate(drawn, start=1):
        start = data.draw(st.integers(0, len(words) - 1))
        head = Mention(words[start], start, start + 1)
        left, right = sorted(data.draw(st.lists(st.integers(0, 64), min_size=2, max_size=2, unique=True)))
        box = (left / 64, 0.0, right / 64, 1.0)
        tail = Mention(OBJECT, len(words), len(words) + 1, box=box)
        posts.append(Post(f"train:{number}", (*words, OBJECT), head, tail, ("1.jpg",), "r"))
        middle = ((left + right) / 128, 0.5, (right - left) / 64, 1.0)
        named = {"name": head.text, "pos": [start, start + 1]}
        row = {"token": words, "h": named, "t": {"name": "o", "box": middle}, "img_id": "1.jpg", "relation": "r"}
        rows.append(row)
    literals(root / "train.txt", *rows)
    log = FaultLog(root)
    found = collect_dataset(root, log, ReadOptions("more"))
    assert not log.faults and [post.tokens for post in found.posts] == [post.tokens for post in posts]
    assert [(post.head, post.tail, post.relation) for post in found.posts] == [
        (post.head, post.tail, post.relation) for post in posts
    ]


def boxed(key: str, box: object) -> dict[str, Any]:
    return {**ROW, key: {"name": "o", "box": box}}


@pytest.mark.parametrize(
    "row",
    [
        boxed("t", (0.5, 0.5, 10**400, 0.2)),
        boxed("t", (0.5, 0.5, 0.2, -(1 << 64))),
        {**ROW, "t": {**YORK, "pos": [2, 1 << 64]}},
        json.dumps(boxed("t", [0.5, 0.5, 10**400, 0.2])),
        repr({**ROW, "img_id": 0}).replace("'img_id': 0", f"'img_id': 0x{'f' * 5000}"),
        repr({**ROW, "t": {**YORK, "pos": [2, 0]}}).replace("[2, 0]", f"[2, 0x{'f' * 5000}]"),
    ],
)
def test_a_number_that_no_data_set_has_is_a_fault(row: object, tmp_path: Path) -> None:
    literals(tmp_path / "numbers" / "txt" / "ours_val.txt", {**ROW, "img_id": 3}, row)
    literals(tmp_path / "boxes" / "txt" / "val.txt", boxed("t", (0.5, 0.5, 0.2, 0.2)), row)
    for name in ("numbers", "boxes"):
        dataset = read(tmp_path / name)
        assert [post.id for post in dataset.posts] == ["val:1"]
        assert [line for _, line, _ in lines(dataset)] == [2] and "64 bits" in lines(dataset)[0][2]


def test_which_pairs_of_m2re_are_answered_is_not_told_by_their_relations(tmp_path: Path) -> None:
    array(tmp_path / "test.json", *({**ROW, "relation": relation} for relation in (["a", "b"], [], 3, "a")))
    dataset = read_dataset(tmp_path, with_relations=False)
    assert [(post.id, post.relation) for post in dataset.posts] == [(f"test:{line}", None) for line in range(1, 5)]
    assert dataset.notes == ()


def test_what_a_row_has_once_is_checked_once_however_many_relations_it_has(tmp_path: Path) -> None:
    label = {"beg_ent": ANN, "sec_ent": YORK, "relation": "peer"}
    good = {"token": TOKENS, "img_id": "1.jpg", "label_list": [[label], [label]]}
    pair = {**ROW, "relation": ["a", "b"]}
    for folder in (tmp_path / "m2re", tmp_path / "jmere"):
        folder.mkdir()
    array(tmp_path / "m2re" / "test.json", pair, {**pair, "token": ["Ann", ""]})
    array(tmp_path / "jmere" / "test.json", good, {**good, "token": ["Ann", ""]})
    for name in ("m2re", "jmere"):
        dataset = read(tmp_path / name)
        assert lines(dataset) == [("test.json", 2, "token[1] is empty")]
        assert [post.id for post in dataset.posts] == ["test:1.1", "test:1.2"]
        assert dataset.posts[0].tokens is dataset.posts[1].tokens


def test_files_of_umre_are_asked_once_what_their_boxes_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    parse = box_row.parse_rows

    def counted(path: Path, *how: Any) -> Any:
        asked.append(path.name)
        return parse(path, *how)

    monkeypatch.setattr(box_row, "parse_rows", counted)
    for split in ("train", "val", "test"):
        literals(tmp_path / f"{split}_set.json", boxed("t", (0.7, 0.6, 0.9, 0.8)))
    assert {post.tail.box for post in read(tmp_path).posts} == {(0.7, 0.6, 0.9, 0.8)}
    assert sorted(asked) == ["test_set.json", "train_set.json", "val_set.json"]


def test_every_file_of_umre_says_what_the_boxes_of_all_are(tmp_path: Path) -> None:
    either, corners = (0.4, 0.4, 0.5, 0.5), (0.7, 0.6, 0.9, 0.8)
    literals(tmp_path / "train_set.json", boxed("t", corners))
    literals(tmp_path / "test_set.json", boxed("t", either))
    dataset = read(tmp_path)
    assert [post.tail.box for post in dataset.posts] == [corners, either] and not dataset.warnings
    (tmp_path / "train_set.json").unlink()
    alone = read(tmp_path)
    assert alone.posts[0].tail.box == pytest.approx((0.15, 0.15, 0.65, 0.65))
    assert ["no box tells" in warning.message for warning in alone.warnings] == [True]


def test_a_list_without_a_relation_is_a_fault_of_jmere(tmp_path: Path) -> None:
    label = {"beg_ent": ANN, "sec_ent": YORK, "relation": "peer"}
    array(tmp_path / "train.json", *({"token": TOKENS, "img_id": "1.jpg", "label_list": given} for given in (
        [[label]], [[]], [[], [label]],
    )))  # fmt: skip
    dataset = read(tmp_path)
    assert [post.id for post in dataset.posts] == ["train:1.1"]
    assert [line for _, line, _ in lines(dataset)] == [2, 3]
