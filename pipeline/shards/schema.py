"""The HDF5 schema: names, types and shapes of everything in a feature shard and in a caption shard.

Row i of every array is photo i. Text is fixed-length UTF-8 (`dataset.asstr()[:]` gives strings), everything is
contiguous and uncompressed, so that a reader can map it into memory at `dataset.id.get_offset()` (None where a shard
has no rows).

Feature shard (N rows, K objects, R regions, D features)
    /image_id           str           the photo's id; `plan.json` lists every other id with the same bytes
    /image_sha256       uint8   (N, 32)
    /image_size         int32   (N, 2)         height, width in pixels, upright
    /objects/features   float16 (N, K, D)      the K regions with the highest scores, or the first K given boxes
    /objects/boxes      float32 (N, K, 4)      x1 y1 x2 y2 in pixels of the original photo
    /objects/scores     float32 (N, K)
    /objects/classes    int32   (N, K)         index into the attribute `class_names`, -1 where there is none; labels of
                                               given boxes stand there behind the detector's classes
    /objects/count      int8    (N,)           rows beyond it are zeros
    /image/blocks       float16 (N, M, C)      places of a grid over the photo, row by row: VGG16's fifth block, of 7x7,
                                               or the patches of another encoder
    /image/fc7          float16 (N, 4096)      only where the attribute `fc7` is true
    /image/pyramid      float16 (N, 4, 15360)  ResNet-50 of the photo and three crops: four stages, 3840 channels of 2x2
                                               cells; only where the attribute `pyramid` is true
    /regions/features   float16 (N, R, D + 6)  what Oscar reads: features, then x1/W y1/H x2/W y2/H w/W h/H
    /regions/tags       int32   (N, R)         index into `class_names`, -1 where there is none
    /regions/count      int8    (N,)
Caption shard (same index and plan as the feature shard)
    /image_id           str
    /caption            str
    /logprob            float32 (N,)
Attributes: kind, schema, fingerprint, versions (JSON); in feature shards also K, D, R, C (512 where there is none),
fc7, class_names (JSON list), pyramid where it is true, and M where it is not 49.
"""

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from dgf.pipeline.errors import UserError
from dgf.pipeline.shards.marker import damaged_file

SCHEMA = 1
BLOCKS = (49, 512)
"""Of the published VGG16, and of shards that do not say their M or C."""
FC7 = 4096
PYRAMID = (4, 15360)
"""Pictures of a photo, and the numbers of each."""
BOX_FEATURES = 6
FLOAT16_MAX = float(np.finfo(np.float16).max)

_ALIGNMENT = 64
"""Bytes; every array begins at a multiple, however small it is."""

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Layout:
    """The sizes a folder of feature shards has in common.

    K objects, R regions (K <= R <= 127) of D numbers each, and M blocks, `block_count`, of C, `block_dim`; `fc7` and
    `pyramid` say whether there are such arrays.
    """

    objects: int
    regions: int
    dim: int
    fc7: bool
    class_names: tuple[str, ...]
    block_dim: int = BLOCKS[1]
    pyramid: bool = False
    block_count: int = BLOCKS[0]

    @property
    def blocks(self) -> tuple[int, int]:
        """Shape of a photo's blocks."""
        return self.block_count, self.block_dim

    def columns(self) -> dict[str, tuple[type[np.generic], tuple[int, ...]]]:
        """Type and shape of a row of every numeric array, by its name in the file."""
        k, r, d = self.objects, self.regions, self.dim
        columns: dict[str, tuple[type[np.generic], tuple[int, ...]]] = {
            "image_sha256": (np.uint8, (32,)),
            "image_size": (np.int32, (2,)),
            "objects/features": (np.float16, (k, d)),
            "objects/boxes": (np.float32, (k, 4)),
            "objects/scores": (np.float32, (k,)),
            "objects/classes": (np.int32, (k,)),
            "objects/count": (np.int8, ()),
            "image/blocks": (np.float16, self.blocks),
            "regions/features": (np.float16, (r, d + BOX_FEATURES)),
            "regions/tags": (np.int32, (r,)),
            "regions/count": (np.int8, ()),
        }
        if self.fc7:
            columns["image/fc7"] = (np.float16, (FC7,))
        if self.pyramid:
            columns["image/pyramid"] = (np.float16, PYRAMID)
        return columns


def create_shard(path: Path) -> h5py.File:
    """Open a new file to be filled."""
    # The lock is ours (see `part_file`), HDF5's own would collide with it. The format of HDF5 1.10 is read everywhere.
    aligned = {"alignment_threshold": 1, "alignment_interval": _ALIGNMENT}
    return h5py.File(path, "w", libver=("v110", "v110"), locking=False, **aligned)


def write_features(
    file: h5py.File,
    layout: Layout,
    image_ids: Sequence[str],
    arrays: Mapping[str, Array],
    fingerprint: str,
    versions: Mapping[str, str],
) -> None:
    """Fill a feature shard with arrays, named as in `Layout.columns`, of that type and shape with N in front.

    Raises:
        ValueError: An array is missing or has another type or shape than the layout says.
    """
    for name, (dtype, shape) in layout.columns().items():
        array = arrays[name]
        if array.dtype != dtype or array.shape != (len(image_ids), *shape):
            raise ValueError(f"{name} is {array.dtype} {array.shape}, expected {dtype.__name__} {shape}")
    _write_text(file, "image_id", image_ids)
    for name in layout.columns():
        file.create_dataset(name, data=arrays[name], track_times=False)
    _write_attributes(file, "features", fingerprint, versions)
    file.attrs["K"], file.attrs["D"], file.attrs["R"] = layout.objects, layout.dim, layout.regions
    file.attrs["C"], file.attrs["fc7"] = layout.block_dim, layout.fc7
    if layout.pyramid:  # shards without it stay what older versions write
        file.attrs["pyramid"] = True
    if layout.block_count != BLOCKS[0]:  # likewise
        file.attrs["M"] = layout.block_count
    file.attrs["class_names"] = json.dumps(layout.class_names, ensure_ascii=False)


def write_captions(
    file: h5py.File,
    image_ids: Sequence[str],
    captions: Sequence[str],
    logprobs: Array,
    fingerprint: str,
    versions: Mapping[str, str],
) -> None:
    """Fill a caption shard: one caption and its log-probability, float32 (N,), for each photo."""
    if not len(image_ids) == len(captions) == len(logprobs):
        raise ValueError(f"{len(image_ids)} ids, {len(captions)} captions, {len(logprobs)} log-probabilities")
    _write_text(file, "image_id", image_ids)
    _write_text(file, "caption", captions)
    file.create_dataset("logprob", data=np.asarray(logprobs, np.float32), track_times=False)
    _write_attributes(file, "captions", fingerprint, versions)


@contextlib.contextmanager
def reading(file: h5py.File) -> Iterator[None]:
    """Hold reads from an open shard, and nothing else: whatever HDF5 raises for one that fails is a `UserError`."""
    path, kind = Path(file.filename), "features"
    try:
        kind = str(file.attrs["kind"])
        yield
    except UserError:
        raise
    except Exception as error:  # HDF5 raises many kinds for what it cannot read
        raise damaged_file(path, kind, f"cannot be read ({type(error).__name__}: {error})") from error


def read_layout(file: h5py.File) -> Layout:
    """The sizes a feature shard's attributes tell."""
    with reading(file):
        objects, regions, dim = (int(file.attrs[name]) for name in ("K", "R", "D"))
        names = tuple(str(name) for name in json.loads(file.attrs["class_names"]))
        fc7, pyramid = bool(file.attrs["fc7"]), bool(file.attrs.get("pyramid", False))
        count, width = (int(file.attrs.get(name, usual)) for name, usual in zip("MC", BLOCKS, strict=True))
        return Layout(objects, regions, dim, fc7, names, width, pyramid, count)


def read_text(file: h5py.File, name: str) -> list[str]:
    """A column of text, such as `image_id` or `caption`."""
    with reading(file):
        return [str(text) for text in file[name].asstr()[:]]


def read_rows(file: h5py.File, name: str, rows: slice | int = slice(None)) -> Array:
    """Rows of an array of numbers, such as `objects/count`; all of them unless told otherwise."""
    with reading(file):
        return np.asarray(file[name][rows])


def read_versions(file: h5py.File) -> dict[str, str]:
    """Versions of the software that a shard was made with."""
    with reading(file):
        return dict(json.loads(file.attrs["versions"]))


def check_schema(file: h5py.File, kind: str) -> None:
    """See that an open shard is of this kind and schema and that every array has its type and shape.

    Raises:
        UserError: Names the file and the first thing that is wrong.
    """
    path = Path(file.filename)
    with reading(file):
        found, schema = str(file.attrs["kind"]), str(file.attrs["schema"])
    if found != kind:
        raise UserError(f"{path} is not a shard of {kind}.", f"Point the option to the folder of {kind}.")
    if schema != str(SCHEMA):
        hint = "Recreate the folder with --overwrite."
        raise UserError(f"{path} has schema {schema}, this version of dgf reads {SCHEMA}.", hint)
    try:
        columns = read_layout(file).columns() if kind == "features" else {"logprob": (np.float32, ())}
        texts = ("image_id",) if kind == "features" else ("image_id", "caption")
        rows = len(file["image_id"])
        for name in texts:
            if h5py.check_string_dtype(file[name].dtype) is None or file[name].shape != (rows,):
                raise ValueError(f"{name} is not text of {rows} rows")
        for name, (dtype, shape) in columns.items():
            if file[name].dtype != dtype or file[name].shape != (rows, *shape):
                raise ValueError(f"{name} is {file[name].dtype} {file[name].shape}")
    except UserError:
        raise
    except Exception as error:  # HDF5 raises many kinds for what it cannot read
        raise damaged_file(path, kind, f"does not follow the schema: {error}") from error


def to_float16(values: Array) -> NDArray[np.float16]:
    """Round to float16; what lies beyond its range ends at its limit rather than at infinity."""
    return np.clip(values, -FLOAT16_MAX, FLOAT16_MAX).astype(np.float16)


def _write_text(file: h5py.File, name: str, texts: Sequence[str]) -> None:
    encoded = [text.encode() for text in texts]
    width = max((len(text) for text in encoded), default=1) or 1
    column = np.array(encoded, dtype=f"S{width}").astype(h5py.string_dtype("utf-8", width))
    file.create_dataset(name, data=column, track_times=False)


def _write_attributes(file: h5py.File, kind: str, fingerprint: str, versions: Mapping[str, str]) -> None:
    file.attrs["kind"], file.attrs["schema"], file.attrs["fingerprint"] = kind, SCHEMA, fingerprint
    file.attrs["versions"] = json.dumps(versions, sort_keys=True)
