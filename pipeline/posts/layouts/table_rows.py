"""The rows of a Parquet file as Python values, and of what the library `datasets` opens."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

from dgf.pipeline.errors import UserError
from dgf.pipeline.packed import PHOTO_COLUMNS, PackedError, ParquetTable


@dataclass(frozen=True, slots=True)
class TableRow:
    """A row of a table.

    Args:
        file: Where it is.
        number: Its number there, from 1.
        values: By column, as JSONL would have them: the name of a class, the path of a photo.
        packed: The name within the file of the photo that lies in the row; None where none does.
        lost_photo: Whether a photo lies in the row that is not read.
    """

    file: Path
    number: int
    values: Mapping[str, Any]
    packed: str | None = None
    lost_photo: bool = False


def parquet_rows(file: Path) -> Iterator[TableRow]:
    """Read a Parquet file.

    Raises:
        UserError: It cannot be read, or pyarrow is not installed.
    """
    try:
        table = ParquetTable(file)
        for number, (values, photo) in enumerate(table.rows(), start=1):
            yield TableRow(file, number, _with_names(values, table.classes), photo)
    except PackedError as error:
        raise UserError(f"{file}: {error}", "Copy or fetch it again, if it is to be Parquet.") from None


def library_rows(path: Path, rows: Any) -> Iterator[TableRow]:
    """Read what the library opened; photos within a table are left as they are.

    Raises:
        UserError: The library cannot read it.
    """
    features = rows.features or {}
    for name, feature in features.items():
        if getattr(feature, "decode", False):
            rows = rows.cast_column(name, type(feature)(decode=False))
    classes = {name: feature.names for name, feature in features.items() if hasattr(feature, "names")}
    try:
        for number, row in enumerate(rows, start=1):
            lost = any(_is_photo(row.get(key)) and row[key]["bytes"] and not row[key]["path"] for key in PHOTO_COLUMNS)
            plain = {key: value["path"] if _is_photo(value) else value for key, value in row.items()}
            yield TableRow(path, number, _with_names(plain, classes), lost_photo=lost)
    except Exception as error:  # the library raises what it likes
        raise library_fault(path, error) from None


def library_fault(path: Path, error: Exception) -> UserError:
    """What the library says against a path."""
    said = (str(error).strip().splitlines() or [""])[0]
    return UserError(f"{path}: datasets cannot read it: {type(error).__name__}: {said[:200]}", "Check name and files.")


def _is_photo(value: object) -> TypeGuard[Mapping[str, Any]]:
    return isinstance(value, dict) and value.keys() == {"bytes", "path"}


def _with_names(row: Mapping[str, Any], classes: Mapping[str, list[str]]) -> dict[str, Any]:
    """The row with the names of classes for their numbers."""
    return {key: _named(value, classes.get(key)) for key, value in row.items()}


def _named(value: Any, names: list[str] | None) -> Any:
    return names[value] if names is not None and type(value) is int and 0 <= value < len(names) else value
