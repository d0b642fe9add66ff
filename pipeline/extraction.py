"""Feature extraction as a job for workers: what each loads, and what it does with a shard."""

import functools
import importlib.metadata
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from dgf.pipeline.cluster import ShardResult
from dgf.pipeline.commit import commit, committed, fingerprint
from dgf.pipeline.detector import DetectorSpec, build_detector, describe_detector
from dgf.pipeline.errors import UserError
from dgf.pipeline.plan import Plan
from dgf.pipeline.runner import Runner
from dgf.pipeline.shards import Layout, write_features
from dgf.pipeline.vgg import VggSpec, build_vgg, describe_vgg

MOST_READERS = 8
SOFTWARE = ("dgf", "torch", "torchvision", "numpy", "pillow", "h5py")


@dataclass(frozen=True, slots=True)
class ExtractJob:
    """Everything a worker needs to know; the photos and the plan it finds in the folders.

    Args:
        root: Folder of the photos, absolute.
        folder: Folder of the shards with its `plan.json`, absolute.
        detector: Which detector.
        vgg: Which VGG16.
        objects: K, of the detector's regions.
        threads: Of the networks on a CPU: their number changes the last bits of the features.
        settings: What the folder was claimed with.
    """

    root: Path
    folder: Path
    detector: DetectorSpec
    vgg: VggSpec
    objects: int
    threads: int
    settings: Mapping[str, Any]

    def open(self, device: str) -> "ExtractWork":
        """Builds the networks, after a look at whether this machine has what the settings say."""
        if torch.device(device).type == "cuda" and not torch.cuda.is_available():
            raise UserError(f"This worker has no GPU, and the device is {device}.", "Give --device cpu.")
        described = {"detector": describe_detector(self.detector), "vgg": describe_vgg(self.vgg)}
        for name, here in described.items():
            if here != self.settings[name]:
                raise UserError(
                    f"This worker would run another {name}: {here} instead of {self.settings[name]}.",
                    "Give every machine the same weights and configuration files.",
                )
        plan = Plan.load(self.folder)
        torch.set_num_threads(self.threads)
        detector = build_detector(self.detector, device)
        layout = Layout(
            self.objects, self.detector.regions, detector.feature_dim, self.vgg.fc7, tuple(detector.class_names)
        )
        runner = Runner(
            self.root,
            detector,
            build_vgg(self.vgg, device),
            layout,
            readers=max(2, min(MOST_READERS, len(os.sched_getaffinity(0)))),
            before_networks=functools.partial(torch.set_num_threads, self.threads),
        )
        return ExtractWork(self.folder, fingerprint(self.settings), plan, layout, runner)


class ExtractWork:
    """The job with its networks loaded."""

    def __init__(self, folder: Path, fingerprint: str, plan: Plan, layout: Layout, runner: Runner) -> None:
        self._folder = folder
        self._fingerprint = fingerprint
        self._plan = plan
        self._layout = layout
        self._runner = runner
        self._versions = software_versions()

    def run(self, index: int) -> ShardResult:
        """Reads, computes and commits one shard, unless it is committed already."""
        done = committed(self._folder, index, self._fingerprint)
        if done is not None:
            return ShardResult.of(done, computed=False)
        rows, stats = self._runner.extract(self._plan.shards[index])
        write = functools.partial(
            write_features,
            layout=self._layout,
            image_ids=rows.image_ids,
            arrays=rows.arrays(),
            fingerprint=self._fingerprint,
            versions=self._versions,
        )
        return ShardResult.of(commit(self._folder, index, self._fingerprint, write, stats), computed=True)

    def close(self) -> None:
        """Ends the shards under way."""
        self._runner.stop()


def software_versions() -> dict[str, str]:
    """Versions of what the numbers in a shard depend on."""
    return {name: importlib.metadata.version(name) for name in SOFTWARE}
