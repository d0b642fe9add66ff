import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dgf.pipeline.errors import UserError
from dgf.pipeline.posts import Dataset, Mention, read_dataset

ROW = {
    "token": ["Ann", "of", "New", "York", "sings"],
    "h": {"name": "Ann", "pos": [0, 1]},
    "t": {"name": "New York", "pos": [2, 4]},
    "img_id": "1.jpg",
    "relation": "/per/loc/place_of_residence",
}


def write(root: Path, *lines: object, name: str = "ours_train.txt") -> Path:
    (root / "txt").mkdir(exist_ok=True, parents=True)
    (root / "txt" / name).write_text("\n".join(line if isinstance(line, str) else repr(line) for line in lines) + "\n")
    return root


def faults(root: Path, *lines: object) -> list[str]:
    return [fault.message for fault in read_dataset(write(root, ROW, *lines), on_error="skip").faults]


def test_a_row_becomes_a_post(tmp_path: Path) -> None:
    dataset = read_dataset(write(tmp_path, "", ROW))
    (post,) = dataset.splits["train"]
    assert post.id == "train:2"
    assert post.tokens == ("Ann", "of", "New", "York", "sings")
    assert (post.head, post.tail) == (Mention("Ann", 0, 1), Mention("New York", 2, 4))
    assert post.image_ids == ("train/1.jpg", "val/1.jpg", "test/1.jpg")
    assert dataset.image_root == tmp_path / "img_org"
    assert dataset.relations == ("/per/loc/place_of_residence",)


def test_every_file_name_in_use_is_found(tmp_path: Path) -> None:
    for folder, names in {
        "hvpnet": ["txt/ours_train.txt", "txt/ours_val.txt", "txt/ours_test.txt"],
        "own": ["mnre_txt/mnre_train.txt", "mnre_txt/mnre_val .txt", "mnre_txt/mnre_test.txt"],
        "dev": ["mnre_train.txt", "mnre_dev.txt", "mnre_test.txt"],
    }.items():
        for name in names:
            (tmp_path / folder / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / folder / name).write_text(repr(ROW))
        dataset = read_dataset(tmp_path / folder)
        assert list(dataset.splits) == ["train", "val", "test"]
        assert dataset.splits["val"][0].image_ids[0] == "val/1.jpg"


def test_two_files_for_a_split_are_refused(tmp_path: Path) -> None:
    write(tmp_path, ROW, name="mnre_val .txt")
    with pytest.raises(UserError, match="two files for the split val"):
        read_dataset(write(tmp_path, ROW, name="ours_val.txt"))


def test_image_key_and_types(tmp_path: Path) -> None:
    row = {**ROW, "image_id": "2.jpg", "h": {**ROW["h"], "type": "per"}}
    del row["img_id"]
    (post,) = read_dataset(write(tmp_path, row)).splits["train"]
    assert post.image_ids[0] == "train/2.jpg" and post.head.type == "per" and post.tail.type is None
    (post,) = read_dataset(write(tmp_path, {**ROW, "img_id": None, "relation": None})).splits["train"]
    assert post.image_ids == () and post.relation is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"h": {"name": "Ann", "pos": [0, 6]}}, "h pos [0, 6) is out of range: the post has 5 words"),
        ({"h": {"name": "Ann", "pos": [-1, 1]}}, "h pos [-1, 1) is out of range: the post has 5 words"),
        ({"h": {"name": "Ann", "pos": [1, 1]}}, "h pos [1, 1) is empty"),
        ({"h": {"name": "Ann", "pos": [2, 1]}}, "h pos [2, 1) ends before it starts"),
        ({"h": {"name": "Ann", "pos": [0, True]}}, "h pos must be [start, end) in words, not [0, True]"),
        ({"h": {"name": "Ann", "pos": [0.0, 1.0]}}, "h pos must be [start, end) in words, not [0.0, 1.0]"),
        ({"h": {"name": "Bob", "pos": [0, 1]}}, "h name 'Bob' differs from words [0, 1): 'Ann'"),
        ({"h": {"pos": [0, 1]}}, "h has no key 'name'"),
        ({"h": {"name": None, "pos": [0, 1]}}, "h name must be a string, not None"),
        ({"h": "Ann"}, "h must be an object, not 'Ann'"),
        ({"t": {"name": "Ann", "pos": [0, 1]}}, "head and tail are the same words [0, 1): 'Ann'"),
        ({"token": "Ann of New York"}, "token must be a list of words, not 'Ann of New York'"),
        ({"token": []}, "token must be a list of words, not []"),
        ({"token": ["Ann", "", "New", "York"]}, "token[1] is empty"),
        ({"token": ["Ann", 3, "New", "York"]}, "token[1] must be a string, not 3"),
        ({"token": ["Ann", "\ud800", "New", "York"]}, "token[1] holds half a surrogate pair: '\\ud800'"),
        ({"relation": 3}, "relation must be a string, not 3"),
        ({"relation": ""}, "relation is empty"),
        ({"img_id": 7}, "img_id must be a string, not 7"),
        ({"img_id": "a\0b"}, "img_id holds a NUL character"),
        ({"image_id": "other.jpg"}, "img_id and image_id differ: {'img_id': '1.jpg', 'image_id': 'other.jpg'}"),
    ],
)
def test_a_bad_row_says_what_is_wrong(tmp_path: Path, change: dict[str, object], message: str) -> None:
    assert faults(tmp_path, {**ROW, **change}) == [message]


@pytest.mark.parametrize("key", ["token", "h", "t", "img_id"])
def test_a_missing_key_is_named(tmp_path: Path, key: str) -> None:
    (message,) = faults(tmp_path, {name: value for name, value in ROW.items() if name != key})
    assert message.startswith(f"has no key '{key}'")


@pytest.mark.parametrize(
    "line",
    [
        "{'token': ",
        "[" * 5000,
        "-" * 30000 + "1",
        "(" * 150 + ")" * 150,
        "1+" * 30000 + "1",
        "__import__('os').system('true')",
        "{'token': open('/etc/passwd')}",
        "{[]: 1}",
        "\x00",
        "[1, 2]",
        "{'a': 1e400}",
        "x" * 70000,
    ],
)
def test_hostile_lines_are_faults(tmp_path: Path, line: str) -> None:
    assert len(faults(tmp_path, line)) == 1
    assert all(len(message) < 200 and "\n" not in message for message in faults(tmp_path, line))


def test_a_line_too_long_is_passed_over_without_losing_count(tmp_path: Path) -> None:
    dataset = read_dataset(write(tmp_path, ROW, "y" * (1 << 20), ROW), on_error="skip")
    assert [post.id for post in dataset.splits["train"]] == ["train:1", "train:3"]
    assert [(fault.line, fault.message) for fault in dataset.faults] == [(2, "line longer than 65536 bytes")]


def test_bytes_that_are_not_utf8(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "txt" / "ours_train.txt").write_bytes(b"\xef\xbb\xbf" + repr(ROW).encode() + b"\r\n{'a': '\xff'}\r\n")
    dataset = read_dataset(tmp_path, on_error="skip")
    assert len(dataset.splits["train"]) == 1
    assert dataset.faults[0].message == "not UTF-8 (byte 0xff at column 8), in Windows-1252 'ÿ'"


def test_stop_names_the_first_ten_and_the_number(tmp_path: Path) -> None:
    write(tmp_path, ROW, *["bad"] * 25)
    with pytest.raises(UserError) as caught:
        read_dataset(tmp_path)
    text = str(caught.value)
    assert "25 faults" in text and "... and 15 more" in text and "--on-error skip" in text
    assert f"{tmp_path / 'txt' / 'ours_train.txt'}:2: not a Python literal" in text
    assert text.count("ours_train.txt:") == 10


def test_nothing_usable_is_an_error_even_under_skip(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not one row can be used"):
        read_dataset(write(tmp_path, "bad"), on_error="skip")


def test_an_empty_split_is_a_fault(tmp_path: Path) -> None:
    write(tmp_path, ROW)
    write(tmp_path, name="ours_val.txt")
    dataset = read_dataset(tmp_path, on_error="skip")
    assert [fault.message for fault in dataset.faults] == ["holds no row"]
    assert dataset.splits["val"] == ()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"None": 0, "a": 0}, "relations 'None' and 'a' share the id 0"),
        ({"None": 0, "a": 2}, "the ids leave gaps: 1 missing of 0 to 2"),
        ({"None": 0, "a": 10**9}, "the ids leave gaps: 1 missing of 0 to 1000000000"),
        ({"None": 0, "a": -1}, "relation 'a' has the id -1"),
        ({"None": 0, "a": True}, "relation 'a' has the id True"),
        ({"None": 0, "a": "1"}, "relation 'a' has the id '1'"),
        ({"None": 0, " ": 1}, "a relation has an empty name"),
        ({}, "holds no relations"),
        ([], "holds no relations"),
        (3, "holds no relations"),
        ('{"None": 0, "None": 1}', "relation 'None' appears twice"),
        ("{", "not JSON"),
        ("[" * 100000, "not JSON"),
    ],
)
def test_a_bad_list_of_relations(tmp_path: Path, content: object, message: str) -> None:
    write(tmp_path, ROW)
    text = content if isinstance(content, str) else json.dumps(content)
    (tmp_path / "ours_rel2id.json").write_text(text)
    with pytest.raises(UserError) as caught:
        read_dataset(tmp_path, on_error="skip")
    assert message in str(caught.value) and "ours_rel2id.json" in str(caught.value)


def test_relations_come_in_id_order_and_unknown_ones_are_faults(tmp_path: Path) -> None:
    write(tmp_path, ROW, {**ROW, "relation": "/per/per/siblings"})
    (tmp_path / "ours_rel2id.json").write_text(json.dumps({"/per/loc/place_of_residence": 1, "None": 0}))
    dataset = read_dataset(tmp_path, on_error="skip")
    assert dataset.relations == ("None", "/per/loc/place_of_residence")
    assert [fault.message for fault in dataset.faults] == ["unknown relation '/per/per/siblings'"]
    other = tmp_path / "names.json"
    other.write_text(json.dumps(["/per/per/siblings", "/per/loc/place_of_residence"]))
    assert read_dataset(tmp_path, relations=other).relations[0] == "/per/per/siblings"


def test_without_a_list_relations_are_those_of_the_rows(tmp_path: Path) -> None:
    write(tmp_path, ROW, {**ROW, "relation": "None"}, {**ROW, "relation": "/a"})
    assert read_dataset(tmp_path).relations == ("None", "/a", "/per/loc/place_of_residence")


@settings(max_examples=100, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(st.sampled_from(["token", "h", "t", "img_id", "relation", "name", "pos"]), inner)
        ),
        max_leaves=20,
    )
)
def test_any_literal_is_a_post_or_a_fault(tmp_path_factory: pytest.TempPathFactory, value: object) -> None:
    root = tmp_path_factory.mktemp("any")
    dataset = read_dataset(write(root, ROW, repr(value)), on_error="skip")
    assert len(dataset.splits["train"]) + len(dataset.faults) == 2


def test_the_sample_reads_whole(shared_dir: Path) -> None:
    dataset: Dataset = read_dataset(shared_dir / "mnre-sample")
    assert {split: len(posts) for split, posts in dataset.splits.items()} == {"train": 37, "val": 7, "test": 22}
    assert len(dataset.relations) == 23 and dataset.relations[7] == "/per/per/alumi"
