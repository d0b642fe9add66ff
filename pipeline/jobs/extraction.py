"""Feature extraction as a job for workers: what each loads, and what it does with a shard."""

import functools
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from dgf.pipeline.detectors import Detector, DetectorSpec, build_detector, describe_detector
from dgf.pipeline.errors import UserError
from dgf.pipeline.jobs.runner import ExtractWork, Runner
from dgf.pipeline.shards.commit import fingerprint
from dgf.pipeline.shards.plan import Plan
from dgf.pipeline.shards.schema import Layout
from dgf.pipeline.vgg import BlockExtractor, VggSpec, build_vgg, describe_vgg

MOST_READERS = 8


@dataclass(frozen=True, slots=True)
class Networks:
    """Detector and VGG16 on their device, and the sizes of what they give."""

    detector: Detector
    vgg: BlockExtractor
    layout: Layout


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

    def open(self, device: str) -> ExtractWork:
        """Builds the networks, after a look at whether this machine has what the settings say."""
        self._check(device)
        plan = Plan.load(self.folder)
        return self.work(self.build(device), plan)

    def build(self, device: str) -> Networks:
        """Builds the networks with their weights."""
        torch.set_num_threads(self.threads)
        detector = build_detector(self.detector, device)
        layout = Layout(
            self.objects, self.detector.regions, detector.feature_dim, self.vgg.fc7, tuple(detector.class_names)
        )
        return Networks(detector, build_vgg(self.vgg, device), layout)

    def work(self, networks: Networks, plan: Plan) -> ExtractWork:
        """Joins networks, photos and folder."""
        runner = Runner(
            self.root,
            networks.detector,
            networks.vgg,
            networks.layout,
            readers=max(2, min(MOST_READERS, len(os.sched_getaffinity(0)))),
            before_networks=functools.partial(torch.set_num_threads, self.threads),
        )
        return ExtractWork(self.folder, fingerprint(self.settings), plan, networks.layout, runner)

    def _check(self, device: str) -> None:
        if torch.device(device).type == "cuda" and not torch.cuda.is_available():
            raise UserError(f"This worker has no GPU, and the device is {device}.", "Give --device cpu.")
        described = {"detector": describe_detector(self.detector), "vgg": describe_vgg(self.vgg)}
        for name, here in described.items():
            if here != self.settings[name]:
                raise UserError(
                    f"This worker would run another {name}: {here} instead of {self.settings[name]}.",
                    "Give every machine the same weights and configuration files.",
                )
