"""Which layout a folder has: told by its files, forced, or refused in words."""

import json
from pathlib import Path
from typing import get_args

import pytest

from dgf.pipeline.errors import UserError
from dgf.pipeline.posts import LAYOUTS, find_dataset, read_dataset
from dgf.workflows.settings import PostLayout

LITERAL = "{'token': ['a', 'b'], 'h': {'name': 'a', 'pos': [0, 1]}, 't': {'name': 'b', 'pos': [1, 2]}, 'img_id': 'x'}"
OBJECT = "{'token': ['a'], 'h': {'name': 'a', 'pos': [0, 1]}, 't': {'name': 'o', 'box': [0.5, 0.5, 0.1, 0.1]}}"
ROW = {"tokens": ["a", "b"], "head": {"span": [0, 1]}, "tail": {"span": [1, 2]}}
KEYS = {"token": ["a", "b"], "h": {"name": "a", "pos": [0, 1]}, "t": {"name": "b", "pos": [1, 2]}, "img_id": "x"}
FILES = {
    "txt/ours_train.txt": ("mnre", LITERAL),
    "mnre_txt/mnre_val .txt": ("mnre", LITERAL),
    "Version-1/mnre_txt/mnre_org_train.txt": ("mnre-1", LITERAL),
    "ours_test.txt": ("mnre-1", LITERAL.replace("'x'", "3")),
    "dev.jsonl": ("jsonl", json.dumps(ROW)),
    "val.json": ("jsonl", json.dumps([ROW])),
    "train.json": ("m2re", json.dumps([KEYS], indent=1)),
    "test.json": ("jmere", json.dumps([{"token": ["a"], "label_list": []}])),
    "train_set.json": ("umre", LITERAL),
    "txt/valid.txt": ("more", OBJECT),
    "valid.txt": ("conll", "IMGID:1\na\tB-PER\n"),
    "train.tsv": ("table", "text\thead\ttail\n"),
    "dev.tar": ("webdataset", ""),
}


@pytest.mark.parametrize("name", FILES)
def test_a_layout_is_told_by_name_and_content(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text(FILES[name][1] + "\n")
    found = find_dataset(tmp_path)
    assert found.layout.name == FILES[name][0] and list(found.files.values()) == [tmp_path / name]


VALIDATION = {
    "txt/ours_validation.txt": "mnre",
    "mnre_org_validation.txt": "mnre-1",
    "validation.json": "m2re",
    "validation_set.json": "umre",
    "txt/validation.txt": "more",
}


@pytest.mark.parametrize("name", VALIDATION)
def test_a_file_of_validation_is_no_less_a_split(tmp_path: Path, name: str) -> None:
    rows = {"m2re": json.dumps([KEYS]), "more": OBJECT}
    for file in (tmp_path / name, tmp_path / name.replace("validation", "train")):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(rows.get(VALIDATION[name], LITERAL) + "\n")
    found = find_dataset(tmp_path)
    assert (found.layout.name, list(found.files)) == (VALIDATION[name], ["train", "val"])


def test_a_file_of_umre_is_told_from_lines_of_json_with_a_key_of_its_name(tmp_path: Path) -> None:
    for name, text in (("train_set.json", LITERAL), ("test_set.json", json.dumps(KEYS))):
        (tmp_path / name).write_text(text)
        assert find_dataset(tmp_path / name).layout.name == "umre"
    (tmp_path / "val.json").write_text(json.dumps({**ROW, "h": 3}))
    assert find_dataset(tmp_path / "val.json").layout.name == "jsonl"


def test_options_name_every_layout() -> None:
    literal = get_args(get_args(PostLayout)[0])[0]
    assert set(get_args(literal)) == {layout.name for layout in LAYOUTS}


def test_lines_are_chosen_before_other_files_as_ever(tmp_path: Path) -> None:
    for name in ("dev.jsonl", "train.json", "valid.txt", "train.tsv"):
        (tmp_path / name).write_text(FILES[name][1])
    assert find_dataset(tmp_path).layout.name == "jsonl"
    assert find_dataset(tmp_path, "conll").layout.name == "conll"


def test_a_layout_is_forced_or_refused(tmp_path: Path) -> None:
    (tmp_path / "dev.jsonl").write_text(json.dumps(ROW))
    with pytest.raises(UserError, match="no files of the layout jmere") as caught:
        read_dataset(tmp_path, layout="jmere")
    assert caught.value.hint == "It has {train,val,test}.json, a list of objects with label_list."
    with pytest.raises(UserError, match="only jsonl can be read from a stream"):
        find_dataset(Path("-"), "table")
    (tmp_path / "mine.data").write_text(LITERAL)
    assert [post.id for post in read_dataset(tmp_path / "mine.data", layout="mnre").posts] == ["mine:1"]


def test_photos_are_in_the_folder_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "train.json").write_text(FILES["train.json"][1])
    assert find_dataset(tmp_path).photos == tmp_path / "img_org"
    (tmp_path / "images").mkdir()
    assert find_dataset(tmp_path).photos == tmp_path / "images"


def test_a_file_that_is_no_text_is_left_to_its_reader(tmp_path: Path) -> None:
    (tmp_path / "train.json").write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * 50)
    with pytest.raises(UserError, match="cannot be read as text: it is a PNG image"):
        read_dataset(tmp_path)


def test_a_file_within_a_folder_of_text_has_the_photos_and_relations_beside_that_folder(tmp_path: Path) -> None:
    for name, text in (("ours_test.txt", LITERAL), ("test.txt", OBJECT)):
        (tmp_path / "txt").mkdir(exist_ok=True)
        (tmp_path / "txt" / name).write_text(text)
    (tmp_path / "img_org").mkdir()
    (tmp_path / "ours_rel2id.json").write_text('{"peer": 0, "None": 1}')
    for name, layout in (("ours_test.txt", "mnre"), ("ours_test.txt", None), ("test.txt", None)):
        file = tmp_path / "txt" / name
        found = find_dataset(file, layout)
        assert (found.photos, list(found.files)) == (tmp_path / "img_org", ["test"])
        assert found.layout.name == ("more" if name == "test.txt" else "mnre")
        if found.layout.name == "mnre":
            assert read_dataset(file, layout=layout).relations == ("peer", "None")
    (tmp_path / "img_org").rmdir()
    assert find_dataset(tmp_path / "txt" / "test.txt").photos == tmp_path / "img_org"
    # photos beside the file itself come first, and rows of JSONL are no less so by the name of their file
    (tmp_path / "txt" / "img_org").mkdir()
    assert find_dataset(tmp_path / "txt" / "test.txt").photos == tmp_path / "txt" / "img_org"
    (tmp_path / "txt" / "ours_val.txt").write_text(json.dumps(ROW))
    assert find_dataset(tmp_path / "txt" / "ours_val.txt").layout.name == "jsonl"


def test_a_list_of_relations_beside_the_file_is_read_wherever_it_lies(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "train.json").write_text(json.dumps([KEYS]))
    (tmp_path / "data" / "rel2id.json").write_text('["peer", "None"]')
    for path in (tmp_path, tmp_path / "data" / "train.json"):
        assert read_dataset(path).relations == ("peer", "None")


def test_a_row_that_cannot_be_read_does_not_hide_the_layout(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text(OBJECT[:-9])
    assert find_dataset(tmp_path).layout.name == "more"
    with pytest.raises(UserError, match=r"train\.txt:1: not a Python literal"):
        read_dataset(tmp_path)


def test_a_layout_that_there_is_not_is_an_error_in_words(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="mnre2: no such layout") as caught:
        find_dataset(tmp_path, "mnre2")
    assert caught.value.hint is not None and "jmere: " in caught.value.hint
