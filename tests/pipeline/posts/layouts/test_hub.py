"""Data sets of Hugging Face's `datasets`: read through the library where it is installed, told in words where not."""

import builtins
import json
from pathlib import Path
from typing import Any

import pytest

from dgf.pipeline.errors import UserError
from dgf.pipeline.posts import Mention, find_dataset, read_dataset
from dgf.pipeline.posts.layouts.hub import hub_name

ROWS = {
    "tokens": [["Ann", "met", "Bo"], ["Ann", "sings"], ["Bo", "sings"]],
    "head": [{"span": [0, 1]}, {"span": [0, 1]}, {"span": [0, 9]}],
    "tail": [{"span": [2, 3]}, {"span": [1, 2]}, {"span": [1, 2]}],
    "relation": ["peer", "None", "None"],
}


def test_the_name_behind_hub_stays_in_a_whole_path() -> None:
    assert hub_name(Path("hub:owner/name")) == hub_name(Path("hub:owner/name").absolute()) == "owner/name"
    assert hub_name(Path("data/hub/name")) is None


def test_without_the_library_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "train.parquet").write_bytes(b"PAR1")
    imported = builtins.__import__

    def without(name: str, *more: Any) -> Any:
        if name == "datasets":
            raise ImportError(name)
        return imported(name, *more)

    monkeypatch.setattr(builtins, "__import__", without)
    for path in (tmp_path, tmp_path / "train.parquet", Path("hub:owner/name")):
        with pytest.raises(UserError, match="needs the library datasets, which is not installed") as caught:
            read_dataset(path)
        assert caught.value.hint is not None and "pip install 'dgf[datasets]'" in caught.value.hint


def _check(path: Path, split: str, where: Path) -> None:
    dataset = read_dataset(path, on_error="skip")
    assert dataset.layout == "datasets" and list(dataset.splits) == [split]
    assert [(post.id, post.relation) for post in dataset.posts] == [(f"{split}:1", "peer"), (f"{split}:2", "None")]
    assert dataset.posts[0].tail == Mention("Bo", 2, 3) and dataset.negative == "None"
    (fault,) = dataset.faults
    assert (fault.file, fault.line) == (where, 3)
    assert fault.message == "head span [0, 9) is out of range: the post has 2 words"


def test_parquet_and_saved_folders_are_read(tmp_path: Path) -> None:
    pytest.importorskip("datasets", reason="pip install 'dgf[datasets]'")
    import pyarrow
    import pyarrow.parquet

    table = pyarrow.table(ROWS)
    (tmp_path / "parquet").mkdir()
    pyarrow.parquet.write_table(table, tmp_path / "parquet" / "validation.parquet")
    for path in (tmp_path / "parquet", tmp_path / "parquet" / "validation.parquet"):
        _check(path, "val", tmp_path / "parquet" / "validation.parquet")
    for part in range(2):
        pyarrow.parquet.write_table(table, tmp_path / "parquet" / f"train-0000{part}-of-00002.parquet")
    parts = read_dataset(tmp_path / "parquet", on_error="skip")
    assert list(parts.splits) == ["train", "val"]
    assert [post.id for post in parts.splits["train"]] == ["train:1", "train:2", "train:4", "train:5"]

    # as `save_to_disk` leaves a data set of one split
    saved = tmp_path / "saved"
    saved.mkdir()
    with pyarrow.ipc.new_stream(saved / "data.arrow", table.schema) as writer:
        writer.write_table(table)
    state = {"_data_files": [{"filename": "data.arrow"}], "_fingerprint": "0", "_split": "test"}
    unset = dict.fromkeys(("_format_columns", "_format_type"))
    (saved / "state.json").write_text(
        json.dumps({**state, **unset, "_format_kwargs": {}, "_output_all_columns": False})
    )
    (saved / "dataset_info.json").write_text("{}")
    _check(saved, "test", saved / "test")


def test_classes_have_their_names_and_mnre_keys_are_read(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets", reason="pip install 'dgf[datasets]'")
    import pyarrow
    import pyarrow.parquet

    row = {
        "token": ["Ann", "met", "Bo"],
        "h": {"name": "Ann", "pos": [0, 1]},
        "t": {"name": "Bo", "pos": [2, 3]},
        "img_id": "1.jpg",
        "relation": 1,
    }
    plain = datasets.Features.from_arrow_schema(pyarrow.Table.from_pylist([row]).schema)
    schema = datasets.Features({**plain, "relation": datasets.ClassLabel(names=["none", "peer"])}).arrow_schema
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist([row], schema=schema), tmp_path / "train.parquet")
    (post,) = read_dataset(tmp_path).posts
    assert post.relation == "peer" and post.image_ids == ("1.jpg", "train/1.jpg", "val/1.jpg", "test/1.jpg")


def test_a_damaged_table_is_told_in_words(tmp_path: Path) -> None:
    pytest.importorskip("datasets", reason="pip install 'dgf[datasets]'")
    (tmp_path / "train.parquet").write_bytes(b"PAR1" + b"\0" * 40)
    with pytest.raises(UserError, match="datasets cannot read it"):
        read_dataset(tmp_path / "train.parquet")
    assert find_dataset(tmp_path / "train.parquet").layout.name == "datasets"
