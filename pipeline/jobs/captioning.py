"""One shard of captions: rows of a feature shard, batch by batch, through a captioner."""

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dgf.pipeline.captioners import Caption, Captioner, CaptionerSpec, CaptionInput, build_captioner, describe_captioner
from dgf.pipeline.jobs.base import Report, ShardContent, Turns, software_versions
from dgf.pipeline.photos import Damaged, decode, read_bytes
from dgf.pipeline.shards import (
    Failure,
    Layout,
    ShardFolder,
    ShardStats,
    read_layout,
    read_rows,
    read_text,
    write_captions,
)
from dgf.pipeline.storage.address import Location
from dgf.pipeline.storage.photos import bring_planned


@dataclass(frozen=True, slots=True)
class CaptioningSpec:
    """Which computation caption shards come from: finished `features` of this layout, and a captioner.

    Only captioners that read pixels look into `root`, the folder of the photos, absolute, or its address.
    """

    features: ShardFolder
    layout: Layout
    root: Location
    captioner: CaptionerSpec
    batch_size: int

    def describe(self) -> dict[str, Any]:
        """What the words depend on."""
        return {"captioner": describe_captioner(self.captioner)}

    def load(self, folder: ShardFolder, device: str) -> "Captioning":
        """Load the captioner."""
        spec = replace(self, features=self.features.found_here())
        return Captioning(folder, spec, build_captioner(self.captioner, self.layout, device))


class Captioning:
    """The computation of caption shards, for `folder`."""

    def __init__(self, folder: ShardFolder, spec: CaptioningSpec, captioner: Captioner) -> None:
        self._folder = folder
        self._spec = spec
        self._captioner = captioner
        self._markers = spec.features.finished()
        photos = list(spec.features.plan.photos())
        self._ids = {photo.image_id: photo.ids for photo in photos}
        self._hashes = {photo.image_id: photo.sha256 for photo in photos}
        # Photos whose damage was no hindrance to their features get a caption too.
        self._damaged: Damaged = "use" if spec.features.settings.get("damaged") == "use" else "fail"
        self._versions = software_versions("dgf", "torch", "transformers", "numpy", "h5py")

    def compute(self, index: int, turns: Turns, report: Report) -> ShardContent:
        """Read and caption one shard."""
        photos: list[CaptionInput] = []
        captions: list[Caption] = []
        seconds = {"read": 0.0, "compute": 0.0}
        with turns.take():
            for batch in turns.time_batches(self._read(index), seconds, waiting="read"):
                captions += self._captioner.caption(batch)
                photos += batch
                report(len(photos))
        ids = [photo.ids[0] for photo in photos]
        pairs = zip(ids, captions, strict=True)
        failures = tuple(Failure(image_id, made.reason) for image_id, made in pairs if made.reason is not None)
        write = functools.partial(
            write_captions,
            image_ids=ids,
            captions=[caption.text for caption in captions],
            logprobs=np.array([caption.logprob for caption in captions], np.float32),
            fingerprint=self._folder.fingerprint,
            versions=self._versions,
        )
        return ShardContent(write, ShardStats(len(ids), failures, seconds))

    def _read(self, index: int) -> Iterator[list[CaptionInput]]:
        """Batches of a feature shard in the order of its rows; what they are depends on the shard alone."""
        features, layout = self._spec.features, self._spec.layout
        wants_regions = self._spec.captioner.backend == "oscar"
        with features.open_shard(self._markers[index]) as file:
            if read_layout(file) != layout:
                raise features.unfit(Path(file.filename), "has other sizes or classes than the shards before it")
            image_ids = read_text(file, "image_id")
            for start in range(0, len(image_ids), self._spec.batch_size):
                rows = slice(start, start + self._spec.batch_size)
                counts, tags = read_rows(file, "regions/count", rows), read_rows(file, "regions/tags", rows)
                regions = np.zeros((len(counts), 0, 0), np.float16)
                if wants_regions:
                    regions = read_rows(file, "regions/features", rows)
                yield [
                    caption_input(
                        self._ids.get(image_id, (image_id,)),
                        regions[row, : counts[row]],
                        tags[row, : counts[row]],
                        layout,
                        functools.partial(self._pixels, image_id),
                    )
                    for row, image_id in enumerate(image_ids[rows])
                ]

    def _pixels(self, image_id: str) -> npt.NDArray[np.uint8]:
        root = self._spec.root
        if not isinstance(root, Path):
            root = bring_planned(root, {image_id: self._hashes[image_id]})
        return decode(read_bytes(root, image_id), self._damaged)


def caption_input(
    ids: tuple[str, ...],
    regions: npt.NDArray[np.floating],
    tags: npt.NDArray[np.int32],
    layout: Layout,
    pixels: Callable[[], npt.NDArray[np.uint8]],
) -> CaptionInput:
    """Make a captioner's input of a photo's regions, (n, D + 6), and their class numbers, (n,)."""
    return CaptionInput(ids, regions, tuple(layout.class_names[tag] for tag in tags), pixels)
