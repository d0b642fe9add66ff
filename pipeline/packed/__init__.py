"""Files that hold many others: members of a tar and photos in a Parquet table, read where they lie."""

from dgf.pipeline.packed.base import NO_FILE, Pack, PackedError
from dgf.pipeline.packed.builder import PackedPhoto, find_packed, open_tar, packs_on_the_way, tar_files
from dgf.pipeline.packed.parquet import PHOTO_COLUMNS, ParquetTable, photo_name
from dgf.pipeline.packed.tar import TarIndex

__all__ = [
    "NO_FILE",
    "PHOTO_COLUMNS",
    "Pack",
    "PackedError",
    "PackedPhoto",
    "ParquetTable",
    "TarIndex",
    "find_packed",
    "open_tar",
    "packs_on_the_way",
    "photo_name",
    "tar_files",
]
