"""Captions as a job for workers: what each loads, and what it does with a shard."""

import functools
import importlib.metadata
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch

from dgf.pipeline.captioners import (
    Caption,
    Captioner,
    CaptionerSpec,
    CaptionInput,
    build_captioner,
    describe_captioner,
)
from dgf.pipeline.errors import UserError
from dgf.pipeline.jobs.cluster import Report, ShardResult
from dgf.pipeline.photos.images import decode, read_bytes
from dgf.pipeline.shards.commit import Failure, ShardStats, commit, committed, fingerprint, shard_name
from dgf.pipeline.shards.plan import Plan
from dgf.pipeline.shards.schema import Layout, check_schema, read_layout, read_text, write_captions

SOFTWARE = ("dgf", "torch", "transformers", "numpy", "h5py")
"""What the words depend on beside the settings; its versions stand in every shard."""


@dataclass(frozen=True, slots=True)
class CaptionJob:
    """Everything a worker needs to know.

    Args:
        features: Folder of feature shards with its plan, absolute.
        folder: Folder of the caption shards, absolute.
        root: Folder of the photos, absolute; only captioners that read pixels look there.
        spec: Which captioner.
        layout: Of the feature shards.
        batch_size: Most photos captioned at once.
        threads: On a CPU: their number changes the last bits of a log-probability.
        settings: What the folder was claimed with.
    """

    features: Path
    folder: Path
    root: Path
    spec: CaptionerSpec
    layout: Layout
    batch_size: int
    threads: int
    settings: Mapping[str, Any]

    def open(self, device: str) -> "CaptionWork":
        """Loads the captioner, after a look at whether this machine has what the settings say."""
        if torch.device(device).type == "cuda" and not torch.cuda.is_available():
            raise UserError(f"This worker has no GPU, and the device is {device}.", "Give --device cpu.")
        if describe_captioner(self.spec) != self.settings["captioner"]:
            raise UserError(
                f"This worker would run another captioner: {self.spec.source} differs here.",
                "Give every machine the same files.",
            )
        torch.set_num_threads(self.threads)
        return CaptionWork(self, build_captioner(self.spec, self.layout, device), Plan.load(self.features))


class CaptionWork:
    """The job with its captioner loaded."""

    def __init__(self, job: CaptionJob, captioner: Captioner, plan: Plan) -> None:
        self._job = job
        self._captioner = captioner
        self._fingerprint = fingerprint(job.settings)
        self._ids = {photo.image_id: photo.ids for photo in plan.photos()}
        self._versions = {name: importlib.metadata.version(name) for name in SOFTWARE}
        self._turn = threading.Lock()
        self._stopped = threading.Event()

    def run(self, index: int, report: Report) -> ShardResult:
        """Captions and commits one shard, unless it is committed already."""
        done = committed(self._job.folder, index, self._fingerprint)
        if done is not None:
            return ShardResult.of(done, computed=False)
        with self._turn:
            torch.set_num_threads(self._job.threads)  # torch keeps it by thread
            photos: list[CaptionInput] = []
            captions: list[Caption] = []
            seconds = {"read": 0.0, "compute": 0.0}
            batches = self._read(index)
            while True:
                started = time.perf_counter()
                batch = next(batches, None)
                read = time.perf_counter()
                seconds["read"] += read - started
                if batch is None:
                    break
                if self._stopped.is_set():
                    raise RuntimeError("the run was stopped")
                captions += self._captioner.caption(batch)
                photos += batch
                seconds["compute"] += time.perf_counter() - read
                report(len(photos))
        ids = [photo.ids[0] for photo in photos]
        failures = tuple(
            Failure(image_id, caption.reason)
            for image_id, caption in zip(ids, captions, strict=True)
            if caption.reason is not None
        )
        write = functools.partial(
            write_captions,
            image_ids=ids,
            captions=[caption.text for caption in captions],
            logprobs=np.array([caption.logprob for caption in captions], np.float32),
            fingerprint=self._fingerprint,
            versions=self._versions,
        )
        stats = ShardStats(len(ids), failures, seconds)
        return ShardResult.of(commit(self._job.folder, index, self._fingerprint, write, stats), computed=True)

    def close(self) -> None:
        """Ends the shard under way at its next batch."""
        self._stopped.set()

    def _read(self, index: int) -> Iterator[list[CaptionInput]]:
        """Batches of a feature shard in the order of its rows; what they are depends on the shard alone."""
        with open_features(self._job.features / f"{shard_name(index)}.h5") as file:
            if read_layout(file) != self._job.layout:
                raise UserError(f"{file.filename} has other sizes than the shards before it.", "Extract anew.")
            names = self._job.layout.class_names
            wants_regions = self._job.spec.backend == "oscar"
            image_ids = read_text(file, "image_id")
            for start in range(0, len(image_ids), self._job.batch_size):
                rows = slice(start, start + self._job.batch_size)
                counts = file["regions/count"][rows]
                tags = file["regions/tags"][rows]
                regions = file["regions/features"][rows] if wants_regions else np.zeros((len(counts), 0, 0), np.float16)
                yield [
                    CaptionInput(
                        self._ids.get(image_id, (image_id,)),
                        regions[row, : counts[row]],
                        tuple(names[tag] for tag in tags[row, : counts[row]]),
                        functools.partial(self._pixels, image_id),
                    )
                    for row, image_id in enumerate(image_ids[rows])
                ]

    def _pixels(self, image_id: str) -> Any:
        return decode(read_bytes(self._job.root, image_id))


def open_features(path: Path) -> h5py.File:
    """An open, checked feature shard.

    Raises:
        UserError: It cannot be read.
    """
    try:
        file = h5py.File(path, "r", locking=False)
    except OSError as error:
        raise UserError(
            f"{path} cannot be read: {error}.", "Run `dgf extract-features` on that folder again."
        ) from error
    try:
        check_schema(file, "features")
    except BaseException:
        file.close()
        raise
    return file
