"""`dgf export --parquet`: every number of the shards, a row a photo, a shard at a time, whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from click.testing import CliRunner

from dgf.cli.main import cli
from dgf.pipeline.errors import UserError
from dgf.pipeline.shards import ShardFolder, read_layout, read_text
from dgf.workflows.export import export_features
from dgf.workflows.extract import extract_photos
from dgf.workflows.settings import ExportSettings
from support.narrow_job import narrow_settings
from support.posts_of import posts_of
from support.tiny_job import paint

pa = pytest.importorskip("pyarrow", reason="pip install '.[parquet]' brings pyarrow")
pq = pytest.importorskip("pyarrow.parquet", reason="pip install '.[parquet]' brings pyarrow")


@pytest.fixture(scope="module")
def features(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine photos in three shards; one has a twin, one is broken."""
    root = tmp_path_factory.mktemp("export")
    names = paint(root / "photos", 9)
    (root / "photos" / "twin.jpg").write_bytes((root / "photos" / names[0]).read_bytes())
    (root / "photos" / names[4]).write_bytes((root / "photos" / names[4]).read_bytes()[:-30])
    settings = narrow_settings(posts_of(root / "photos", [*names, "twin.jpg"]), root / "features", root)
    assert extract_photos(replace(settings, top_k=4)).rows == 8
    return settings.out


def test_every_number_of_the_shards_is_in_the_file(features: Path, tmp_path: Path) -> None:
    out = tmp_path / "features.parquet"
    shown = CliRunner().invoke(cli, ["export", str(features), "--parquet", str(out)])
    assert shown.exit_code == 0 and shown.stdout == f"{out}: 8 photos\n"
    table, row, seen = pq.read_table(out), 0, 0
    columns: dict[str, list[Any]] = table.to_pydict()
    shards = sorted(features.glob("*.h5"))
    assert table.num_rows == 8 and pq.ParquetFile(out).num_row_groups == len(shards)
    for path in shards:
        with h5py.File(path) as file:
            names = read_layout(file).class_names
            for index, image_id in enumerate(read_text(file, "image_id")):
                count = int(file["objects/count"][index])
                assert columns["image_id"][row] == image_id
                assert columns["image_sha256"][row] == bytes(file["image_sha256"][index]).hex()
                assert (columns["height"][row], columns["width"][row]) == tuple(file["image_size"][index])
                assert columns["other_ids"][row] == (["twin.jpg"] if image_id == "photo-0000.jpg" else [])
                assert columns["object_classes"][row] == [names[c] for c in file["objects/classes"][index][:count]]
                for name in ("scores", "boxes", "features"):
                    assert np.array_equal(columns[f"object_{name}"][row], file[f"objects/{name}"][index][:count])
                assert np.array_equal(columns["image_blocks"][row], file["image/blocks"][index])
                row, seen = row + 1, seen + count
    assert seen > row and ShardFolder.open(features).fingerprint.encode() in table.schema.metadata[b"dgf"]
    lists = [field.type for field in table.schema if field.name in ("object_classes", "object_boxes", "image_blocks")]
    assert all(pa.types.is_large_list(kind) for kind in lists)  # of more numbers than 32 bits count, in a large shard
    assert "image_fc7" not in columns and os.listdir(tmp_path) == ["features.parquet"]


def test_one_shard_is_in_memory_at_a_time_and_a_damaged_one_leaves_no_file(
    features: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, story = ShardFolder.open_shard, []

    @contextmanager
    def open_shard(folder: ShardFolder, marker: Any) -> Iterator[h5py.File]:
        story.append(("read", marker.index))
        if marker.index == 2:
            assert [path.name.startswith(".part-") for path in tmp_path.iterdir()] == [True]
            raise UserError("shard-00002.h5: damaged")
        with real(folder, marker) as file:
            yield file

    class Writer(pq.ParquetWriter):  # type: ignore[misc]
        def write_table(self, table: Any) -> None:
            story.append(("write", table.num_rows))
            super().write_table(table)

    monkeypatch.setattr(ShardFolder, "open_shard", open_shard)
    monkeypatch.setattr(pq, "ParquetWriter", Writer)
    with pytest.raises(UserError, match="damaged"):
        export_features(ExportSettings(features, tmp_path / "out.parquet"))
    assert [act for act, _ in story] == ["read", "write", "read", "write", "read"]
    assert os.listdir(tmp_path) == []


def test_what_is_there_is_not_overwritten_and_remains_are_removed(features: Path, tmp_path: Path) -> None:
    out = tmp_path / "notes.parquet"
    out.write_text("mine")
    (tmp_path / ".part-0123456789ab-notes.parquet").write_text("half")
    with pytest.raises(UserError, match=r"(?s)notes\.parquet is there already.*another name"):
        export_features(ExportSettings(features, out))
    with pytest.raises(UserError, match="no such folder"):
        export_features(ExportSettings(features, tmp_path / "gone" / "x.parquet"))
    assert out.read_text() == "mine"
    assert export_features(ExportSettings(features, tmp_path / "other.parquet")) == 8
    assert sorted(os.listdir(tmp_path)) == ["notes.parquet", "other.parquet"]


def test_without_the_library_it_says_what_brings_it(
    features: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"(?s)pyarrow, which is not installed.*dgf\[parquet\]"):
        export_features(ExportSettings(features, tmp_path / "out.parquet"))
