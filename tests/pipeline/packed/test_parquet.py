"""Photos of a Parquet table are read one by one by their row, and its rows without them."""

from pathlib import Path
from typing import Any

import pytest

from dgf.pipeline.packed import PackedError, ParquetTable, photo_name
from dgf.pipeline.packed import parquet as parquet_module
from dgf.pipeline.photos import ImageError, read_bytes, resolve_photo

pa = pytest.importorskip("pyarrow", reason="pip install 'dgf[parquet]'")
pq = pytest.importorskip("pyarrow.parquet")

KIND = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def write(path: Path, images: list[Any], kind: Any = KIND, rows: int = 2) -> Path:
    columns = {"id": pa.array(range(len(images))), "image": pa.array(images, kind)}
    pq.write_table(pa.table(columns), path, row_group_size=rows)
    return path


def test_photos_are_known_by_their_row_in_any_row_group(tmp_path: Path) -> None:
    write(tmp_path / "t.parquet", [{"bytes": b"%d" % row, "path": f"{row}.png"} for row in range(1, 8)], rows=3)
    assert [read_bytes(tmp_path, f"t.parquet/{photo_name(row)}") for row in (7, 1, 3, 4)] == [b"7", b"1", b"3", b"4"]
    table = ParquetTable(tmp_path / "t.parquet")
    assert [(row["image"], name) for row, name in table.rows()][6] == ("7.png", "0000007") and len(table) == 7
    for name in ("0000000", "0000008", "1", "00000001", "-000001", "0000001/x", "x"):
        with pytest.raises(ImageError, match=r"^no such file$"):
            resolve_photo(tmp_path, f"t.parquet/{name}")


def test_a_row_without_a_photo_has_none(tmp_path: Path) -> None:
    images = [{"bytes": b"1", "path": None}, None, {"bytes": None, "path": "3.png"}, {"bytes": None, "path": None}]
    table = ParquetTable(write(tmp_path / "t.parquet", images))
    assert [(row["image"], name) for row, name in table.rows()] == [
        (None, "0000001"),
        (None, None),
        ("3.png", "0000003"),  # found where its path says
        (None, None),
    ]
    assert table.fault_of("0000003") == "no such file"
    for kind in (pa.binary(), pa.large_binary(), pa.binary_view(), pa.dictionary(pa.int32(), pa.binary())):
        plain = ParquetTable(write(tmp_path / "plain.parquet", [b"1", None], kind))
        assert [name for _, name in plain.rows()] == ["0000001", None] and plain.read("0000001", 9) == b"1", kind
    paths = ParquetTable(write(tmp_path / "paths.parquet", ["1.png", None], pa.string()))
    assert paths.photos is None and next(row for row, _ in paths.rows()) == {"id": 0, "image": "1.png"}


@pytest.mark.parametrize("kind", [KIND, pa.struct([("bytes", pa.binary())]), pa.binary()])
def test_rows_are_read_without_their_photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: Any) -> None:
    photo = b"x" if pa.types.is_binary(kind) else {"bytes": b"x"}
    table = ParquetTable(write(tmp_path / "t.parquet", [photo] * 4, kind))
    monkeypatch.setattr(parquet_module, "_read_group", None)
    assert [name for _, name in table.rows()] == [photo_name(row) for row in range(1, 5)]
    assert set(table._columns) <= {"id", "image.path"}


@pytest.mark.parametrize("kind", [KIND, pa.binary()])
def test_a_photo_that_many_rows_repeat_is_kept_once(tmp_path: Path, kind: Any) -> None:
    data = bytes(range(256)) * 1000
    photo = data if pa.types.is_binary(kind) else {"bytes": data, "path": None}
    path = write(tmp_path / "t.parquet", [photo] * 40 + [None], kind, rows=500)
    assert path.stat().st_size < 2 * len(data)
    table, before = ParquetTable(path), pa.total_allocated_bytes()
    assert [name for _, name in table.rows()][38:] == ["0000039", "0000040", None]
    assert table.read("0000040", len(data)) == data
    assert pa.total_allocated_bytes() - before < 4 * len(data)
    with pytest.raises(PackedError, match="no such file"):
        table.read("0000041", 1)


def test_photos_of_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    column, twice = pa.array([b"1"]), pa.struct([("bytes", pa.binary()), ("bytes", pa.binary())])
    within = pa.StructArray.from_arrays([column, column], fields=list(twice))
    for table in (pa.Table.from_arrays([column, column], ["image", "image"]), pa.table({"image": within})):
        pq.write_table(table, tmp_path / "t.parquet")
        with pytest.raises(PackedError, match=r"has 2 columns named image(\.bytes)?"):
            ParquetTable(tmp_path / "t.parquet")


def test_a_row_group_too_large_to_be_decoded_at_once_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = ParquetTable(write(tmp_path / "t.parquet", [{"bytes": b"x" * 9000, "path": None}] * 2))
    monkeypatch.setattr(parquet_module, "MAX_GROUP_BYTES", 1000)
    with pytest.raises(PackedError, match="write the table in groups of some 100 rows"):
        table.read("0000001", 9)
    table = ParquetTable(write(tmp_path / "long.parquet", [{"bytes": b"x", "path": None}] * 400, rows=400))
    with pytest.raises(PackedError, match="lies in a row group"):  # of which each row takes some bytes
        table.read("0000001", 9)


def test_damage_and_change_are_told(tmp_path: Path) -> None:
    path = write(tmp_path / "t.parquet", [{"bytes": b"x" * 500, "path": "1.png"}] * 8)
    table = ParquetTable(path)
    write(path, [{"bytes": b"y", "path": "1.png"}] * 9)
    with pytest.raises(PackedError, match="changed meanwhile"):
        table.read("0000001", 9)
    assert read_bytes(tmp_path, "t.parquet/0000009") == b"y"
    data = path.read_bytes()
    for cut in (len(data) - 1, len(data) // 2, 5):
        path.write_bytes(data[:cut])
        with pytest.raises(PackedError, match="cannot be read as Parquet"):
            ParquetTable(path)
    path.write_bytes(data[:4] + b"\xff" * 60 + data[64:])
    with pytest.raises(PackedError, match="damaged"):
        [*ParquetTable(path).rows()]
