"""How fast batches are read for training, beside the limit: reading the same bytes in the order of the files."""

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch

from dgf.pipeline.features import FeatureStore
from dgf.pipeline.shards import SCHEMA, Layout, Photo, Plan, ShardFolder, ShardStats, write_features

Side = Callable[[FeatureStore], Iterator[None]]
"""Reads everything once, a batch or its like at a time."""

ROUNDS = 9

CACHE = "warm: every byte was read before anything was timed, the two sides take turns"
COLD = "cold: the shards are put out of the page cache before each side (where the file system obeys)"


def bench_read(features: Path | None, rows: int = 4000, batch: int = 100, shards: int = 20) -> dict[str, Any]:
    """Measure the reader.

    Every row of the shards is read once, in shuffled batches with all object and block features, and the
    same bytes once with plain reads in the order of the files, as many at a time into the same buffers; the two take
    turns batch by batch for nine rounds, and of each batch the fastest counts (whatever else the machine does
    only slows it). Then the same shuffled batches from host memory, and from a GPU where there is one.

    Without `features` (a finished folder), one of noise is made, of `rows` photos in `shards`, and removed afterwards.

    Returns:
        Facts for one line of JSON: rows/s of each side, `ratio` of shuffled to contiguous from a warm page cache,
        `cold_ratio` of streamed (`FeatureStore.stream`) to contiguous without it, and GB/s of the limit.

    Raises:
        UserError: The folder is not fit to be read.
    """
    if features is not None:
        return _measure(features, batch)
    with tempfile.TemporaryDirectory(prefix="dgf-bench-") as folder:
        write_noise(Path(folder), rows, shards)
        return _measure(Path(folder), batch)


def write_noise(path: Path, rows: int, shards: int) -> None:
    """Make a finished folder of feature shards of noise, with the sizes of an FPN detector."""
    objects, dim = 10, 1024
    layout = Layout(objects, objects, dim, fc7=False, class_names=("thing",))
    sizes = [len(part) for part in np.array_split(np.arange(rows), shards)]
    photos = (Photo(f"{number:06d}.jpg", f"{number:064x}", (600, 800), 1) for number in range(rows))
    plan = Plan(tuple((tuple(islice(photos, size)),) for size in sizes))
    rng = np.random.default_rng(0)
    settings = {"kind": "features", "schema": SCHEMA, "noise": [rows, shards, objects, dim]}
    with ShardFolder.claim(path, settings) as folder:
        plan.save(path)
        markers = []
        for index, shard in enumerate(plan.shards):
            (batch,) = shard
            ids = [photo.image_id for photo in batch]
            columns = layout.columns().items()
            arrays = {name: rng.integers(0, 100, (len(ids), *row)).astype(dtype) for name, (dtype, row) in columns}
            digests = [bytes.fromhex(photo.sha256) for photo in batch]
            arrays["image_sha256"] = np.frombuffer(b"".join(digests), np.uint8).reshape(-1, 32)
            arrays["objects/count"] = rng.integers(0, objects + 1, len(ids)).astype(np.int8)

            def write(file: h5py.File, ids: list[str] = ids, arrays: dict[str, Any] = arrays) -> None:
                write_features(file, layout, ids, arrays, folder.fingerprint, {})

            markers.append(folder.commit(index, write, ShardStats(len(ids))))
        folder.write_manifest(markers, {})


def _measure(folder: Path, batch: int) -> dict[str, Any]:
    store = FeatureStore.open(folder)
    buffers = store.allocate(batch, pin=torch.cuda.is_available())
    order = np.random.default_rng(0).permutation(len(store))
    batches = [order[start : start + batch] for start in range(0, len(order), batch)]

    def contiguous(store: FeatureStore) -> Iterator[None]:
        into = {name: memoryview(getattr(buffers, name).numpy()).cast("B") for name in store.arrays}
        for path, name, offset, length in store.stretches():
            with path.open("rb", buffering=0) as file:
                step = len(into[name])
                for start in range(0, length, step):
                    os.preadv(file.fileno(), [into[name][: min(step, length - start)]], offset + start)
                    yield

    def shuffled(store: FeatureStore) -> Iterator[None]:
        for rows in batches:
            store.gather(rows, buffers)
            yield

    def streamed(store: FeatureStore) -> Iterator[None]:
        window = max(1, len(store) * store.row_bytes // 4)
        for positions in store.stream(np.arange(len(store)), np.random.default_rng(0), window):
            for start in range(0, len(positions), batch):
                store.gather(positions[start : start + batch], buffers)
                yield

    def from_device(store: FeatureStore) -> Iterator[None]:
        for rows in batches:
            store.gather(rows)
            torch.cuda.synchronize()
            yield

    sides = {"contiguous": contiguous, "shuffled": shuffled}
    # A store of its own for each: what a store has mapped stays in the page cache.
    cold = {side.__name__: _cold(side, FeatureStore.open(folder)) for side in (contiguous, shuffled, streamed)}
    _exhaust(shuffled(store))
    warm = _in_turn(sides, store)
    result: dict[str, Any] = {
        "bench": "read",
        "rows": len(store),
        "shards": len(store.shards),
        "batch": batch,
        "bytes_per_row": store.row_bytes,
        "page_cache": CACHE,
        "contiguous_rows_per_s": round(warm["contiguous"]),
        "contiguous_gb_per_s": round(warm["contiguous"] * store.row_bytes / 1e9, 2),
        "shuffled_rows_per_s": round(warm["shuffled"]),
        "ratio": round(warm["shuffled"] / warm["contiguous"], 3),
        "cold_page_cache": COLD,
        "cold_contiguous_rows_per_s": round(cold["contiguous"]),
        "cold_shuffled_rows_per_s": round(cold["shuffled"]),
        "cold_streamed_rows_per_s": round(cold["streamed"]),
        "cold_ratio": round(cold["streamed"] / cold["contiguous"], 3),
    }
    if store.place("cpu") == "host":
        result["host_rows_per_s"] = round(_in_turn({"host": shuffled}, store)["host"])
    if torch.cuda.is_available():
        store = FeatureStore.open(folder)
        if store.place("cuda") == "device":
            _exhaust(from_device(store))
            result["device"] = torch.cuda.get_device_name()
            result["device_rows_per_s"] = round(_in_turn({"device": from_device}, store)["device"])
    return result


def _in_turn(sides: Mapping[str, Side], store: FeatureStore) -> dict[str, float]:
    """Rows/s of each side; the sides take turns batch by batch, and of every batch the fastest of all rounds counts.

    So both see the same machine, and whatever else it does (which only ever slows a batch) is left out.
    """
    best: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(ROUNDS):
        seconds: dict[str, list[float]] = {name: [] for name in sides}
        running = {name: side(store) for name, side in sides.items()}
        while running:
            for name in list(running):
                started = time.perf_counter()
                try:
                    next(running[name])
                except StopIteration:
                    del running[name]
                seconds[name].append(time.perf_counter() - started)
        best = {name: list(map(min, best[name] or taken, taken)) for name, taken in seconds.items()}
    return {name: len(store) / sum(taken) for name, taken in best.items()}


def _cold(side: Side, store: FeatureStore) -> float:
    """Rows/s of a side that finds nothing in the page cache."""
    for path in store.shards:
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    started = time.perf_counter()
    _exhaust(side(store))
    return len(store) / (time.perf_counter() - started)


def _exhaust(steps: Iterator[None]) -> None:
    for _ in steps:
        pass
