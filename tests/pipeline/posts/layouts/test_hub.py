"""Data sets of Hugging Face's `datasets`: read through the library where it is installed, told in words where not."""

import builtins
import json
from pathlib import Path
from typing import Any

import pytest

from dgf.pipeline.errors import UserError
from dgf.pipeline.photos import find_image, read_bytes
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
    (tmp_path / "train.arrow").write_bytes(b"ARROW1")
    imported = builtins.__import__

    def without(name: str, *more: Any) -> Any:
        if name in ("datasets", "pyarrow.parquet"):
            raise ImportError(name)
        return imported(name, *more)

    monkeypatch.setattr(builtins, "__import__", without)
    for path in (tmp_path / "train.arrow", Path("hub:owner/name")):
        with pytest.raises(UserError, match="needs the library datasets, which is not installed") as caught:
            read_dataset(path)
        assert caught.value.hint is not None and "pip install 'dgf[datasets]'" in caught.value.hint
    with pytest.raises(UserError, match=r"needs the library pyarrow, .*: pip install 'dgf\[parquet\]'"):
        read_dataset(tmp_path / "train.parquet")


def _check(path: Path, split: str, where: Path) -> None:
    dataset = read_dataset(path, on_error="skip")
    assert dataset.layout == "datasets" and list(dataset.splits) == [split]
    assert [(post.id, post.relation) for post in dataset.posts] == [(f"{split}:1", "peer"), (f"{split}:2", "None")]
    assert dataset.posts[0].tail == Mention("Bo", 2, 3) and dataset.negative == "None"
    (fault,) = dataset.faults
    assert (fault.file, fault.line) == (where, 3)
    assert fault.message == "head span [0, 9) is out of range: the post has 2 words"


def test_parquet_is_read_without_the_library(tmp_path: Path) -> None:
    pq = pytest.importorskip("pyarrow.parquet", reason="pip install 'dgf[parquet]'")
    table = pytest.importorskip("pyarrow").table(ROWS)
    (tmp_path / "parquet").mkdir()
    pq.write_table(table, tmp_path / "parquet" / "validation.parquet")
    for path in (tmp_path / "parquet", tmp_path / "parquet" / "validation.parquet"):
        _check(path, "val", tmp_path / "parquet" / "validation.parquet")
    for part in range(2):
        pq.write_table(table, tmp_path / "parquet" / f"train-0000{part}-of-00002.parquet")
    parts = read_dataset(tmp_path / "parquet", on_error="skip")
    assert list(parts.splits) == ["train", "val"]
    assert [post.id for post in parts.splits["train"]] == ["train:1", "train:2", "train:4", "train:5"]
    assert [(fault.file.name, fault.line) for fault in parts.faults[:2]] == [
        ("train-00000-of-00002.parquet", 3),
        ("train-00001-of-00002.parquet", 3),
    ]


def test_saved_folders_are_read(tmp_path: Path) -> None:
    pytest.importorskip("datasets", reason="pip install 'dgf[datasets]'")
    import pyarrow

    # as `save_to_disk` leaves a data set of one split
    table, saved = pyarrow.table(ROWS), tmp_path / "saved"
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


def test_classes_of_a_table_have_the_names_that_it_records(tmp_path: Path) -> None:
    pq = pytest.importorskip("pyarrow.parquet", reason="pip install 'dgf[parquet]'")
    rows = {name: values[:2] for name, values in ROWS.items()} | {"relation": [1, 0]}
    recorded = {"relation": {"names": ["none", "peer"], "_type": "ClassLabel"}, "tokens": {"_type": "List"}}
    table = pytest.importorskip("pyarrow").table(rows)
    numbered = {"relation": {"names": {"0": "none", "1": "peer"}}}
    for about, expected in ((recorded, ["peer", "none"]), (numbered, None), (None, None)):
        metadata = {"huggingface": json.dumps({"info": {"features": about}})}
        pq.write_table(table.replace_schema_metadata(metadata), tmp_path / "train.parquet")
        if expected is None:
            with pytest.raises(UserError, match="relation must be a string, not 1"):
                read_dataset(tmp_path)
        else:
            assert [post.relation for post in read_dataset(tmp_path).posts] == expected


def test_a_damaged_table_is_told_in_words(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="pip install 'dgf[parquet]'")
    (tmp_path / "train.parquet").write_bytes(b"PAR1" + b"\0" * 40)
    with pytest.raises(UserError, match=r"train\.parquet: cannot be read as Parquet: "):
        read_dataset(tmp_path / "train.parquet")
    assert find_dataset(tmp_path / "train.parquet").layout.name == "datasets"


@pytest.mark.parametrize(
    "names",
    [
        ("a/train.parquet", "b/train.parquet"),
        ("val.parquet", "validation.parquet"),
        ("train.parquet", "train-00000-of-00001.parquet"),
        ("train-00000-of-00002.parquet", "train-00001-of-00003.parquet"),
        ("train.parquet", "train.arrow"),
    ],
)
def test_several_data_sets_are_not_one_split(tmp_path: Path, names: tuple[str, str]) -> None:
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"PAR1")
    with pytest.raises(UserError, match=r"two tables for the split (train|val): "):
        find_dataset(tmp_path)


def test_hidden_folders_hold_no_posts(tmp_path: Path) -> None:
    for name in ("train-00000-of-00002.parquet", "train-00001-of-00002.parquet", ".cache/train.parquet"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"PAR1")
    assert find_dataset(tmp_path).files == {"train": tmp_path / "train"}


def test_a_table_whose_parts_are_not_all_there_is_refused(tmp_path: Path) -> None:
    (tmp_path / "train-00001-of-00003.parquet").write_bytes(b"PAR1")
    with pytest.raises(UserError, match="1 of the 3 parts of the split train are there"):
        find_dataset(tmp_path)
    assert find_dataset(tmp_path / "train-00001-of-00003.parquet").files == {
        "train": tmp_path / "train-00001-of-00003.parquet"
    }
    (tmp_path / "mine.data").write_bytes(b"PAR1")
    with pytest.raises(UserError, match="its name says neither Parquet nor Arrow"):
        read_dataset(tmp_path / "mine.data", layout="datasets")
    with pytest.raises(UserError, match="it is a Parquet table") as caught:
        read_dataset(tmp_path / "mine.data")
    assert caught.value.hint == "Posts in it are read if it is called NAME.parquet."


def test_splits_of_one_name_here_are_refused(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets", reason="pip install 'dgf[datasets]'")
    rows = datasets.Dataset.from_dict(ROWS)
    datasets.DatasetDict({"val": rows, "validation": rows}).save_to_disk(tmp_path / "saved")
    with pytest.raises(UserError, match="two splits are val: val, validation"):
        read_dataset(tmp_path / "saved")


def test_the_photos_of_a_table_are_read_there_or_where_their_paths_say(tmp_path: Path) -> None:
    pq = pytest.importorskip("pyarrow.parquet", reason="pip install 'dgf[parquet]'")
    pa = pytest.importorskip("pyarrow")
    rows = {name: [values[0]] * 4 for name, values in ROWS.items()}
    photos = [{"bytes": b"x", "path": None}, None, {"bytes": b"y", "path": "1.jpg"}, {"bytes": None, "path": "2.jpg"}]
    folder = tmp_path / "copy [1] of posts"
    folder.mkdir()
    pq.write_table(pa.table({**rows, "image": photos}), folder / "my-posts.parquet")
    dataset = read_dataset(folder / "my-posts.parquet")
    assert list(dataset.splits) == ["my-posts"]
    table = "my-posts.parquet"
    assert [post.image_ids for post in dataset.posts] == [
        (f"{table}/0000001",),
        (),
        (f"{table}/0000003", "1.jpg"),
        (f"{table}/0000004", "2.jpg"),
    ]
    assert [find_image(dataset, post) for post in dataset.posts] == [f"{table}/0000001", None, f"{table}/0000003", None]
    assert read_bytes(dataset.image_root, f"{table}/0000003") == b"y"

    # in a folder `images`, where there is one
    (folder / "images").mkdir()
    (folder / "images" / "2.jpg").write_bytes(b"z")
    dataset = read_dataset(folder)
    assert dataset.posts[3].image_ids == (f"{table}/0000004", "images/2.jpg", "2.jpg")
    assert find_image(dataset, dataset.posts[3]) == "images/2.jpg"


def test_mnre_keys_have_their_photos_in_the_table(tmp_path: Path) -> None:
    pq = pytest.importorskip("pyarrow.parquet", reason="pip install 'dgf[parquet]'")
    row = {"token": ["Ann", "met"], "h": {"name": "Ann", "pos": [0, 1]}, "t": {"name": "met", "pos": [1, 2]}}
    rows = [{**row, "image": {"bytes": b"x", "path": None}}, {**row, "image": {"bytes": b"y", "path": "1.jpg"}}]
    (tmp_path / "data").mkdir()
    file = "data/train-00000-of-00001.parquet"
    pq.write_table(pytest.importorskip("pyarrow").Table.from_pylist(rows), tmp_path / file)
    dataset = read_dataset(tmp_path)
    assert [post.image_ids for post in dataset.posts] == [(f"{file}/0000001",), (f"{file}/0000002", "1.jpg")]
    assert [read_bytes(tmp_path, post.image_ids[0]) for post in dataset.posts] == [b"x", b"y"]


def test_photos_of_other_tables_are_counted(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets", reason="pip install 'dgf[datasets]'")
    rows = {**{name: values[:2] for name, values in ROWS.items()}, "image": [{"bytes": b"x", "path": None}, None]}
    datasets.DatasetDict({"train": datasets.Dataset.from_dict(rows)}).save_to_disk(tmp_path / "saved")
    dataset = read_dataset(tmp_path / "saved")
    assert [post.image_ids for post in dataset.posts] == [(), ()]
    assert ["1 photos are within the table" in warning.message for warning in dataset.warnings] == [True]
