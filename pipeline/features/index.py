"""Where everything lies in a finished folder of shards, and whether the folder is fit to be read."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np
from numpy.typing import NDArray

from dgf.pipeline.errors import UserError
from dgf.pipeline.shards.commit import MANIFEST, SETTINGS, Marker, committed, fingerprint
from dgf.pipeline.shards.plan import Plan
from dgf.pipeline.shards.schema import BLOCKS, FC7, Layout, check_schema, read_layout, read_text

ARRAYS = {"objects": "objects/features", "blocks": "image/blocks", "fc7": "image/fc7"}
"""Name of each array here -> its name in a shard."""

_NOT_THE_NETWORKS = ("photos", "batches", "device", "threads")
"""Settings that decide which rows there are and their last bits, but not what the numbers mean."""

_COMMANDS = {"features": "dgf extract-features", "captions": "dgf caption"}


@dataclass(frozen=True, slots=True)
class Index:
    """A folder of feature shards, checked.

    Args:
        folder: Where.
        paths: The shards, by number.
        layout: Sizes they have in common.
        shapes: Shape of a row of each array to read: objects (K, D), blocks (49, 512), fc7 (4096,).
        offsets: Of each array, the place of its first row in each shard's file.
        firsts: (shards + 1,) row that each shard begins with; the last is the number of rows.
        image_ids: By row.
        rows: Row by image id; every id of photos with the same bytes is there.
        failed: Ids of photos that have no features because they are broken.
        counts: (rows,) int8, objects of each photo.
        fingerprint: Of the networks; see `FeatureStore`.
        made_with: Fingerprint of all the folder's settings, which captions made from it name.
    """

    folder: Path
    paths: tuple[Path, ...]
    layout: Layout
    shapes: dict[str, Any]
    offsets: dict[str, NDArray[np.int64]]
    firsts: NDArray[np.int64]
    image_ids: tuple[str, ...]
    rows: dict[str, int]
    failed: frozenset[str]
    counts: NDArray[np.int8]
    fingerprint: str
    made_with: str


def read_index(folder: Path, image: Literal["all", "blocks", "fc7"]) -> Index:
    """Check a folder of feature shards and find its rows.

    Raises:
        UserError: It is missing, unfinished or damaged; the mend is named.
    """
    settings = _settings(folder, "features")
    plan = Plan.load(folder)
    markers = _finished(folder, "features", settings, len(plan.shards))
    layout: Layout | None = None
    ids: list[str] = []
    digests: list[str] = []
    counts, firsts = [np.zeros(0, np.int8)], [0]
    offsets: dict[str, list[int]] = {name: [] for name in ARRAYS}
    for marker in markers:
        with _shard(folder, marker, "features") as file:
            here = read_layout(file)
            if layout is not None and here != layout:
                raise _damaged(folder / marker.file, "has other sizes or classes than the shards before it", "features")
            layout = here
            ids += read_text(file, "image_id")
            digests += [bytes(digest).hex() for digest in file["image_sha256"][:]]
            counts.append(file["objects/count"][:])
            firsts.append(len(ids))
            for name in _arrays(layout, image, folder):
                offsets[name].append(_locate(file, ARRAYS[name]))
    if layout is None:
        raise UserError(f"{folder}: holds no shard", "None of the photos could be read; `dgf validate` lists them.")
    rows = {image_id: row for row, image_id in enumerate(ids)}
    if len(rows) < len(ids):
        raise _damaged(folder, "a photo stands there twice", "features")
    failed = {failure["image_id"] for failure in _manifest(folder, "features")["failures"]}
    by_content = {digest: row for row, digest in enumerate(digests)}
    for photo in plan.photos():
        # By content: a photo keeps the id it was stored under, even when its posts know it by another now.
        if (row := by_content.get(photo.sha256)) is not None:
            rows.update((image_id, row) for image_id in photo.ids)
        else:
            failed.update(photo.ids)
    kept = _arrays(layout, image, folder)
    shapes = {"objects": (layout.objects, layout.dim), "blocks": BLOCKS, "fc7": (FC7,)}
    return Index(
        folder=folder,
        paths=tuple(folder / marker.file for marker in markers),
        layout=layout,
        shapes={name: shapes[name] for name in kept},
        offsets={name: np.array(offsets[name], dtype=np.int64) for name in kept},
        firsts=np.array(firsts, dtype=np.int64),
        image_ids=tuple(ids),
        rows=rows,
        failed=frozenset(failed),
        counts=np.concatenate(counts),
        fingerprint=fingerprint({key: value for key, value in settings.items() if key not in _NOT_THE_NETWORKS}),
        made_with=fingerprint(settings),
    )


def read_captions(folder: Path, index: Index) -> tuple[str, ...]:
    """The caption of every row of the features; empty where making it failed.

    Raises:
        UserError: The folder is missing, unfinished or damaged, or belongs to other features.
    """
    settings = _settings(folder, "captions")
    hint = f"Caption these features: `dgf caption DATA --features {index.folder} --out CAPTIONS`."
    if settings.get("features", index.made_with) != index.made_with:
        raise UserError(f"{folder}: made from other features than those in {index.folder}", hint)
    markers = _finished(folder, "captions", settings, len(index.paths))
    captions: dict[str, str] = {}
    for marker in markers:
        with _shard(folder, marker, "captions") as file:
            captions.update(zip(read_text(file, "image_id"), read_text(file, "caption"), strict=True))
        captions.update((failure.image_id, "") for failure in marker.stats.failures)
    lacking = [image_id for image_id in index.image_ids if image_id not in captions]
    if lacking:
        raise UserError(
            f"{folder}: no caption for {len(lacking)} of the {len(index.image_ids)} photos in {index.folder}, "
            f"such as {lacking[0]}",
            hint,
        )
    return tuple(captions[image_id] for image_id in index.image_ids)


def _settings(folder: Path, kind: str) -> dict[str, Any]:
    """What a folder of this kind was made with."""
    command = _COMMANDS[kind]
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder of {kind}", f"Make it: `{command} DATA --out {folder} ...`.")
    try:
        settings = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        settings = None
    if not isinstance(settings, dict) or settings.get("kind") != kind:
        raise UserError(
            f"{folder}: is no folder of {kind} ({SETTINGS} does not say so)", f"Give a folder that `{command}` made."
        )
    return settings


def _finished(folder: Path, kind: str, settings: dict[str, Any], shards: int) -> list[Marker]:
    """The marker of every shard, all of them committed with these settings."""
    expected = fingerprint(settings)
    markers = [marker for number in range(shards) if (marker := committed(folder, number, expected))]
    if len(markers) < shards or not (folder / MANIFEST).is_file():
        raise UserError(
            f"{folder}: unfinished, {len(markers)} of {shards} shards are done",
            f"Run the same `{_COMMANDS[kind]}` again: it goes on where it ended.",
        )
    return markers


def _manifest(folder: Path, kind: str) -> dict[str, Any]:
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if not all(isinstance(failure["image_id"], str) for failure in manifest["failures"]):
            raise ValueError("an image id is no string")
    except (OSError, ValueError, KeyError, TypeError):
        raise _damaged(folder / MANIFEST, "cannot be read", kind) from None
    return dict(manifest)


@contextmanager
def _shard(folder: Path, marker: Marker, kind: str) -> Iterator[h5py.File]:
    path = folder / marker.file
    try:
        with h5py.File(path, "r", locking=False) as file:
            check_schema(file, kind)
            if file.attrs["fingerprint"] != marker.fingerprint:
                raise _damaged(path, "was made with other settings than its marker says", kind)
            if len(file["image_id"]) != marker.stats.rows:
                raise _damaged(path, "has another number of rows than its marker says", kind)
            yield file
    except (OSError, KeyError, RuntimeError) as error:
        raise _damaged(path, f"cannot be read as HDF5 ({error})", kind) from None


def _locate(file: h5py.File, name: str) -> int:
    """Where the first row of an array lies in its file; 0 for an array without rows."""
    array = file[name]
    offset = array.id.get_offset() if array.size else 0
    if offset is None or offset % array.dtype.itemsize or not array.dtype.isnative:
        raise _damaged(Path(file.filename), f"{name} is not one plain stretch of bytes", "features")
    return int(offset)


def _damaged(path: Path, fault: str, kind: str) -> UserError:
    return UserError(f"{path}: {fault}", f"Make the folder anew: `{_COMMANDS[kind]} ... --overwrite`.")


def _arrays(layout: Layout, image: str, folder: Path) -> tuple[str, ...]:
    if image == "fc7" and not layout.fc7:
        raise UserError(f"{folder}: has no fc7 features", "Extract them with --fc7, or use the blocks.")
    if image == "all":
        return ("objects", "blocks", "fc7") if layout.fc7 else ("objects", "blocks")
    return ("objects", image)
