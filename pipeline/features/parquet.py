"""Feature shards as one Parquet file, a row a photo, for tools that read neither HDF5 nor this schema.

    image_id         string
    other_ids        list of string                    ids of files with the same bytes
    image_sha256     string
    height, width    int32                             in pixels, upright
    object_classes   list of string                    one an object, the surest first
    object_scores    list of float
    object_boxes     list of lists of 4 float          x1 y1 x2 y2 in pixels
    object_features  list of lists of D float
    image_blocks     list of M lists of C float        row by row from the top left
    image_fc7        list of 4096 float                where the folder has them
    image_pyramid    list of 4 lists of 15360 float    likewise

Numbers are float32, which every reader knows and which holds the shards' float16 exactly. The file's metadata has the
folder's settings and fingerprint under `dgf`. Regions, which only captioners read, are left out.
"""

import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from dgf.pipeline.errors import UserError
from dgf.pipeline.files import finish_part, part_file, remove_dead_parts
from dgf.pipeline.shards import Layout, Marker, Photo, ShardFolder, read_layout, read_rows, read_text

_IMAGE_ARRAYS = ("image/blocks", "image/fc7", "image/pyramid")


def write_parquet(
    folder: ShardFolder, markers: Sequence[Marker], out: Path, on_rows: Callable[[int], object] = lambda count: None
) -> int:
    """Write the rows of a finished folder of feature shards in the order of its plan, one shard in memory at a time.

    The file is there as a whole or not at all. `markers` are those of every shard; `on_rows` is called with the number
    of rows of each.

    Returns:
        The number of rows.

    Raises:
        UserError: The folder is damaged, or `out` is there already or has no folder.
    """
    if out.exists():
        raise UserError(f"{out} is there already.", "Give another name, or remove it.")
    if not out.parent.is_dir():
        raise UserError(f"{out.parent}: no such folder", "Make it, or give another place.")
    tables = _tables(folder, markers)
    first = next(tables, None)
    if first is None:
        raise UserError(f"{folder.path}: holds no shard", "There is nothing to export.")
    rows = 0
    remove_dead_parts(out.parent)
    with part_file(out) as part:
        with pq.ParquetWriter(part, first.schema, compression="zstd") as writer:
            for table in itertools.chain([first], tables):
                writer.write_table(table)
                rows += table.num_rows
                on_rows(table.num_rows)
        finish_part(part, out)
    return rows


def _tables(folder: ShardFolder, markers: Sequence[Marker]) -> Iterator[pa.Table]:
    """The rows of each shard."""
    photos = {photo.image_id: photo for photo in folder.plan.photos()}
    layout: Layout | None = None
    for marker in markers:
        with folder.open_shard(marker) as file:
            here = read_layout(file)
            if layout not in (None, here):
                raise folder.unfit(folder.path / marker.file, "has other sizes or classes than the shards before it")
            layout = here
            yield _table(file, layout, photos, {"fingerprint": folder.fingerprint, "settings": folder.settings})


def _table(file: h5py.File, layout: Layout, photos: dict[str, Photo], about: dict[str, Any]) -> pa.Table:
    ids, sizes, counts = read_text(file, "image_id"), read_rows(file, "image_size"), read_rows(file, "objects/count")
    there = np.arange(layout.objects) < counts[:, None]  # (N, K): rows beyond the count are zeros
    names = np.array([*layout.class_names, ""], dtype=object)  # -1, of no class, is the last
    objects = {name: read_rows(file, f"objects/{name}")[there] for name in ("classes", "scores", "boxes", "features")}
    starts = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
    aliases = [photos[name].aliases if name in photos else () for name in ids]
    images = [name for name in _IMAGE_ARRAYS if name in layout.columns()]
    columns = {
        "image_id": pa.array(ids, pa.string()),
        "other_ids": pa.array(aliases, pa.list_(pa.string())),
        "image_sha256": pa.array([bytes(digest).hex() for digest in read_rows(file, "image_sha256")], pa.string()),
        "height": pa.array(sizes[:, 0]),
        "width": pa.array(sizes[:, 1]),
        "object_classes": _cut(starts, pa.array(names[objects.pop("classes")].tolist(), pa.string())),
        **{f"object_{name}": _cut(starts, _nested(values)) for name, values in objects.items()},
        **{name.replace("/", "_"): _nested(read_rows(file, name)) for name in images},
    }
    return pa.table(columns).replace_schema_metadata({"dgf": json.dumps(about, ensure_ascii=False)})


def _nested(values: NDArray[Any]) -> pa.Array:
    """(n, ...) numbers as n lists of lists of float."""
    array = pa.array(values.astype(np.float32).ravel())
    for level in range(values.ndim - 1, 0, -1):
        inner = values.shape[level]
        array = _cut(np.arange(0, len(array) + 1, inner), array)
    return array


def _cut(starts: NDArray[Any], values: pa.Array) -> pa.Array:
    """The lists that begin at these places; the last is the end. A shard may hold more numbers than 32 bits count."""
    return pa.LargeListArray.from_arrays(pa.array(starts, pa.int64()), values)
