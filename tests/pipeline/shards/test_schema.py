from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from dgf.pipeline.errors import UserError
from dgf.pipeline.shards import (
    Layout,
    ShardFolder,
    ShardStats,
    check_schema,
    read_layout,
    read_text,
    to_float16,
    write_captions,
    write_features,
)

LAYOUT = Layout(objects=10, regions=50, dim=8, fc7=True, class_names=("person", "Straße"))
IDS = ("train/a b.jpg", "val/größe.png", "x")


def arrays(rows: int, layout: Layout = LAYOUT) -> dict[str, Any]:
    return {
        name: np.full((rows, *shape), number, dtype)
        for number, (name, (dtype, shape)) in enumerate(layout.columns().items())
    }


def write(folder: Path, ids: tuple[str, ...] = IDS, layout: Layout = LAYOUT) -> Path:
    def fill(file: h5py.File) -> None:
        write_features(file, layout, ids, arrays(len(ids), layout), "print", {"torch": "2"})

    return folder / ShardFolder(folder, "features", "print").commit(0, fill, ShardStats(len(ids))).file


def test_plain_h5py_finds_the_promised_schema(tmp_path: Path) -> None:
    with h5py.File(write(tmp_path)) as file:
        assert file["image_id"].asstr()[:].tolist() == list(IDS) == read_text(file, "image_id")
        expected = {
            "image_sha256": ("uint8", (3, 32)),
            "image_size": ("int32", (3, 2)),
            "objects/features": ("float16", (3, 10, 8)),
            "objects/boxes": ("float32", (3, 10, 4)),
            "objects/scores": ("float32", (3, 10)),
            "objects/classes": ("int32", (3, 10)),
            "objects/count": ("int8", (3,)),
            "image/blocks": ("float16", (3, 49, 512)),
            "image/fc7": ("float16", (3, 4096)),
            "regions/features": ("float16", (3, 50, 14)),
            "regions/count": ("int8", (3,)),
            "regions/tags": ("int32", (3, 50)),
        }
        assert {name: (str(file[name].dtype), file[name].shape) for name in expected} == expected
        assert {name: file.attrs[name] for name in ("K", "D", "R", "C", "schema", "fingerprint", "kind")} == {
            "K": 10, "D": 8, "R": 50, "C": 512, "schema": 1, "fingerprint": "print", "kind": "features",
        }  # fmt: skip
        check_schema(file, "features")
        assert read_layout(file) == LAYOUT


def test_pyramids_are_there_where_the_layout_has_them_and_nothing_is_said_of_them_elsewhere(tmp_path: Path) -> None:
    with h5py.File(write(tmp_path)) as file:
        assert "pyramid" not in file.attrs and "image/pyramid" not in file
    path, seen = write(tmp_path, layout=replace(LAYOUT, pyramid=True)), replace(LAYOUT, pyramid=True)
    with h5py.File(path) as file:
        assert file["image/pyramid"].shape == (3, 4, 15360) and file["image/pyramid"].dtype == np.float16
        check_schema(file, "features")
        assert read_layout(file) == seen
    with h5py.File(path, "r+") as file:
        del file["image/pyramid"]
        with pytest.raises(UserError, match=r"does not follow the schema: .*pyramid"):
            check_schema(file, "features")


def test_a_shard_says_how_many_numbers_a_block_has(tmp_path: Path) -> None:
    narrow = replace(LAYOUT, block_dim=6)
    path = write(tmp_path, layout=narrow)
    with h5py.File(path) as file:
        assert file["image/blocks"].shape == (3, 49, 6) and file.attrs["C"] == 6
        check_schema(file, "features")
        assert read_layout(file) == narrow
    with h5py.File(path, "r+") as file:
        file.attrs["C"] = 7
        with pytest.raises(UserError, match=r"image/blocks is float16 \(3, 49, 6\)"):
            check_schema(file, "features")


def test_a_shard_from_before_it_said_so_has_the_published_networks_blocks(tmp_path: Path) -> None:
    with h5py.File(write(tmp_path), "r+") as file:
        del file.attrs["C"]
        check_schema(file, "features")
        assert read_layout(file) == LAYOUT


def test_every_array_can_be_mapped_into_memory(tmp_path: Path) -> None:
    path = write(tmp_path)
    with h5py.File(path) as file:
        places = {name: (file[name].id.get_offset(), file[name][:]) for name in LAYOUT.columns()}
    for offset, values in places.values():
        mapped = np.memmap(path, values.dtype, "r", offset, values.shape)
        assert np.array_equal(mapped, values)


def test_a_shard_without_rows_is_a_shard(tmp_path: Path) -> None:
    with h5py.File(write(tmp_path, ())) as file:
        check_schema(file, "features")
        assert read_text(file, "image_id") == []


def test_captions(tmp_path: Path) -> None:
    def fill(file: h5py.File) -> None:
        write_captions(file, IDS, ["a man", "", "ein Café"], np.array([-1.5, 0, -2]), "print", {})

    with h5py.File(tmp_path / ShardFolder(tmp_path, "features", "print").commit(0, fill, ShardStats(3)).file) as file:
        check_schema(file, "captions")
        assert read_text(file, "caption") == ["a man", "", "ein Café"] and file["logprob"].dtype == np.float32
        with pytest.raises(UserError, match="not a shard of features"):
            check_schema(file, "features")


@pytest.mark.parametrize("harm", ["missing", "shape", "type", "schema", "attribute"])
def test_a_shard_that_breaks_the_schema_is_named(tmp_path: Path, harm: str) -> None:
    path = write(tmp_path)
    with h5py.File(path, "r+") as file:
        if harm == "schema":
            file.attrs["schema"] = 99
        elif harm == "attribute":
            del file.attrs["D"]
        else:
            del file["objects/boxes"]
        if harm in ("shape", "type"):
            shape, dtype = ((3, 9, 4), np.float32) if harm == "shape" else ((3, 10, 4), np.float64)
            file["objects/boxes"] = np.zeros(shape, dtype)
    with h5py.File(path) as file, pytest.raises(UserError, match=r"shard-00000\.h5"):
        check_schema(file, "features")


def test_wrong_arrays_are_not_written(tmp_path: Path) -> None:
    wrong = arrays(3) | {"objects/scores": np.zeros((3, 9), np.float32)}
    with pytest.raises(ValueError, match="objects/scores"), h5py.File(tmp_path / "x.h5", "w") as file:
        write_features(file, LAYOUT, IDS, wrong, "print", {})


def test_float16_ends_at_its_limit() -> None:
    assert to_float16(np.array([1e9, -1e9, 0.5])).tolist() == [65504.0, -65504.0, 0.5]
