"""Posts of a Parquet table row by row, and the photos within it one by one, each known by the number of its row.

Photos are read by row group, which is how the format keeps them; pyarrow is not installed with dgf.
"""

import bisect
import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

from dgf.pipeline.packed.base import NO_FILE, PackedError, status_of

PHOTO_COLUMNS = ("image", "img_id", "image_id")
"""The column that holds or names the photos: the first of these that is there."""

MAX_GROUP_BYTES = 1 << 29
"""Of the photos of a row group, which are decoded together; one that is there for many rows counts once."""

_ROWS_AT_ONCE = 256
_DIGITS = 7
_INDEX_BYTES = 4
"""Of a row whose photo is one of a dictionary."""


def photo_name(row: int) -> str:
    """The name of the photo of a row, from 1: as wide as others, so that names stand in the order of rows."""
    return f"{row:0{_DIGITS}d}"


class _Stamp(NamedTuple):
    """A file as it was when it was opened."""

    path: Path
    size: int
    modified: int


class ParquetTable:
    """A Parquet file, of which nothing but its description is kept.

    Attributes:
        photos: The column whose photos lie in the table; None where there is none.
        classes: The names that the numbers of a column stand for, as `datasets` records them, by column.

    Raises:
        PackedError: It cannot be read as Parquet, or pyarrow is not installed.
    """

    def __init__(self, path: Path) -> None:
        status = status_of(path)
        self._stamp = _Stamp(path, status.st_size, status.st_mtime_ns)
        file = _open(path)
        schema, about = file.schema_arrow, file.metadata
        field = _photo_field(schema)
        self._leaf = None if field is None else _leaf_of_bytes(field)
        self.photos = None if field is None or self._leaf is None else str(field.name)
        self.classes = _class_names(schema.metadata or {})
        groups = [about.row_group(number) for number in range(about.num_row_groups)]
        self._ends = [*accumulate(group.num_rows for group in groups)]
        self._groups = [_photos_of(group, self._leaf) for group in groups]
        self._columns = [name for name in schema.names if name != self.photos]
        self._has_paths = self.photos is not None and "path" in _names_within(field)
        if self._has_paths:
            self._columns.append(f"{self.photos}.path")

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def rows(self) -> Iterator[tuple[dict[str, Any], str | None]]:
        """Yield each row as Python values, and the name of the photo that lies in it; its column has the path alone.

        Raises:
            PackedError: The file is damaged.
        """
        file = _open(self._stamp.path)
        batches = file.iter_batches(_ROWS_AT_ONCE, columns=self._columns)
        row = 0
        while (rows := _next_rows(batches)) is not None:
            for values in rows:
                row += 1
                if self.photos is None:
                    yield values, None
                    continue
                given = values.pop(self.photos, None)
                path = None if given is None else given["path"]
                name: str | None = photo_name(row)
                if (self._has_paths and given is None) or (path is None and self.fault_of(photo_name(row)) == NO_FILE):
                    name = None
                yield {**values, self.photos: path}, name

    def fault_of(self, name: str) -> str | None:
        """Say why a row has no photo that can be read; None where it has one."""
        try:
            group, _ = self._place(name)
            if not self._groups[group].all_there:
                self.read(name, 0)
        except PackedError as error:
            return str(error)
        return None

    def read(self, name: str, limit: int) -> bytes:
        """Read at most the first `limit` bytes of the photo of a row.

        Raises:
            PackedError: There is none, or it cannot be read.
        """
        group, row = self._place(name)
        if (size := self._groups[group].size) > MAX_GROUP_BYTES:
            fault = f"lies in a row group of {size >> 20} MiB of photos, which are decoded together"
            raise PackedError(f"{fault}: write the table in groups of some 100 rows")
        assert self._leaf is not None
        cell = _read_group(self._stamp, self._leaf, group)[row]
        if cell.is_valid and self._leaf != self.photos:
            cell = cell["bytes"]
        if not cell.is_valid:
            raise PackedError(NO_FILE)
        return bytes(cell.value.as_buffer()[:limit])

    def _place(self, name: str) -> tuple[int, int]:
        """The row group of a photo, and its row in that."""
        row = int(name) - 1 if name.isascii() and name.isdecimal() and len(name) < 2 * _DIGITS else -1
        if self._leaf is None or not 0 <= row < len(self) or photo_name(row + 1) != name:
            raise PackedError(NO_FILE)
        group = bisect.bisect_right(self._ends, row)
        return group, row - (self._ends[group - 1] if group else 0)


def _next_rows(batches: Iterator[Any]) -> list[dict[str, Any]] | None:
    """The rows of the next batch; None behind the last."""
    try:
        batch = next(batches, None)
        return None if batch is None else batch.to_pylist()
    except Exception as error:  # of the format's own parsers
        raise PackedError(f"damaged: {_first_line(error)}") from None


class _Photos(NamedTuple):
    """The photos of a row group: their bytes once they are decompressed, and whether every row is known to have one."""

    size: int
    all_there: bool


def _photos_of(group: Any, leaf: str | None) -> _Photos:
    for number in range(group.num_columns if leaf else 0):
        column = group.column(number)
        if column.path_in_schema == leaf:
            known = column.statistics is not None and column.statistics.has_null_count
            size = column.total_uncompressed_size + _INDEX_BYTES * column.num_values
            return _Photos(size, known and column.statistics.null_count == 0)
    return _Photos(0, all_there=False)


@lru_cache(maxsize=2)
def _read_group(stamp: _Stamp, leaf: str, group: int) -> Any:
    """The photos of a row group, each distinct one once; those that are read next are mostly of the same."""
    status = status_of(stamp.path)
    if (status.st_size, status.st_mtime_ns) != stamp[1:]:
        raise PackedError("its table was changed meanwhile")
    try:
        return _open(stamp.path, leaf).read_row_group(group, columns=[leaf]).column(0)
    except PackedError:
        raise
    except Exception as error:  # of the format's own parsers
        raise PackedError(f"its table is damaged: {_first_line(error)}") from None


def _open(path: Path, dictionary: str | None = None) -> Any:
    """Open a file; of the column `dictionary` every distinct value is kept once, instead of one for each row."""
    try:
        import pyarrow.parquet
    except ImportError:
        raise PackedError("needs the library pyarrow, which is not installed: pip install 'dgf[parquet]'") from None
    try:
        return pyarrow.parquet.ParquetFile(path, read_dictionary=None if dictionary is None else [dictionary])
    except Exception as error:  # of the format's own parsers
        raise PackedError(f"cannot be read as Parquet: {_first_line(error)}") from None


def _photo_field(schema: Any) -> Any:
    """The column of the photos; None where there is none.

    Raises:
        PackedError: There are several of its name, or it has several parts of one name.
    """
    for name in PHOTO_COLUMNS:
        found = [field for field in schema if field.name == name]
        if not found:
            continue
        parts = _names_within(found[0])
        twice = [name] * (len(found) > 1) + [f"{name}.{part}" for part in parts if parts.count(part) > 1]
        if twice:
            raise PackedError(f"has {max(len(found), len(twice))} columns named {twice[0]}")
        return found[0]
    return None


def _leaf_of_bytes(field: Any) -> str | None:
    """The column of bytes as the format names it: itself, or that of a pair of bytes and path, as `datasets` writes."""
    import pyarrow as pa

    def is_bytes(kind: Any) -> bool:
        plain = kind.value_type if pa.types.is_dictionary(kind) else kind
        return bool(pa.types.is_binary(plain) or pa.types.is_large_binary(plain) or pa.types.is_binary_view(plain))

    if is_bytes(field.type):
        return str(field.name)
    within = {part.name: part.type for part in field.type} if pa.types.is_struct(field.type) else {}
    return f"{field.name}.bytes" if "bytes" in within and is_bytes(within["bytes"]) else None


def _names_within(field: Any) -> list[str]:
    """The names of the parts of a column; none where it has no parts."""
    import pyarrow as pa

    return [part.name for part in field.type] if pa.types.is_struct(field.type) else []


def _class_names(metadata: Mapping[bytes, bytes]) -> dict[str, list[str]]:
    """The names of classes that `datasets` records, by column."""
    try:
        features = json.loads(metadata.get(b"huggingface", b"{}")).get("info", {}).get("features", {})
        found = {name: feature["names"] for name, feature in features.items() if "names" in feature}
        lists = {name: names for name, names in found.items() if isinstance(names, list)}
        return {name: names for name, names in lists.items() if all(isinstance(each, str) for each in names)}
    except (ValueError, AttributeError, TypeError, KeyError, RecursionError):
        return {}


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
