import gzip
import os
from pathlib import Path

import pytest

from dgf.pipeline.errors import UserError
from dgf.pipeline.posts import read_dataset

ROW = '{"tokens": ["a", "b"], "head": {"span": [0, 1]}, "tail": {"span": [1, 2]}}'
LITERAL = "{'token': ['a', 'b'], 'h': {'name': 'a', 'pos': [0, 1]}, 't': {'name': 'b', 'pos': [1, 2]}, 'img_id': 'x'}"


def test_what_is_no_data_set_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "posts.dat").write_text("a,b")
    (tmp_path / "empty").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for name, message in {
        "nowhere": "no such file or folder",
        "posts.dat": "not a .jsonl file",
        "empty": "no posts found in this folder",
        "pipe": "neither a file nor a folder",
    }.items():
        with pytest.raises(UserError) as caught:
            read_dataset(tmp_path / name)
        assert message in caught.value.message and str(tmp_path / name) in caught.value.message
        assert caught.value.hint is not None and ".jsonl" in caught.value.hint


def test_two_layouts_in_one_folder_are_refused(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text(ROW)
    (tmp_path / "ours_test.txt").write_text(LITERAL)
    with pytest.raises(UserError, match="holds both"):
        read_dataset(tmp_path)


def test_two_files_for_one_split_are_refused(tmp_path: Path) -> None:
    (tmp_path / "val.jsonl").write_text(ROW)
    (tmp_path / "dev.jsonl").write_text(ROW)
    with pytest.raises(UserError, match="two files for the split val"):
        read_dataset(tmp_path)


@pytest.mark.parametrize("name", ["dev.ndjson", "dev.JSONL", "dev.jsonl.gz", "dev.NDJSON.GZ"])
def test_every_spelling_of_a_jsonl_file_is_a_data_set(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(gzip.compress(ROW.encode()) if name.lower().endswith("gz") else ROW.encode())
    for path in (tmp_path, tmp_path / name):
        assert [post.id for post in read_dataset(path).splits["val"]] == ["val:1"]


def test_two_lists_of_relations_are_refused(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text(ROW)
    for name, content in (("relations.json", '["None", "peer"]'), ("rel2id.json", '{"None": 0}')):
        (tmp_path / name).write_text(content)
    with pytest.raises(UserError, match="more than one list of relations"):
        read_dataset(tmp_path)
    assert read_dataset(tmp_path, relations=tmp_path / "rel2id.json").relations == ("None",)


def test_other_files_beside_the_splits_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text(ROW)
    (tmp_path / "predictions.jsonl").write_text("not ours")
    assert list(read_dataset(tmp_path).splits) == ["train"]


def test_a_missing_list_of_relations_is_named(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text(ROW)
    with pytest.raises(UserError, match=r"none\.json cannot be read: No such file"):
        read_dataset(tmp_path, relations=tmp_path / "none.json")
