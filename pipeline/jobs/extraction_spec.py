"""Which detector and which VGG16 a folder of features is made with, and how a worker loads them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dgf.pipeline.detectors.base import DetectorSpec, build_detector, describe_detector
from dgf.pipeline.jobs.extraction import Extraction, Networks
from dgf.pipeline.shards import Layout, ShardFolder
from dgf.pipeline.vgg import VggSpec, build_vgg, describe_vgg


@dataclass(frozen=True, slots=True)
class ExtractionSpec:
    """Which computation feature shards come from.

    Args:
        root: Folder of the photos, absolute.
        detector: Which detector.
        vgg: Which VGG16.
        objects: K, of the detector's regions.
    """

    root: Path
    detector: DetectorSpec
    vgg: VggSpec
    objects: int

    def describe(self) -> dict[str, Any]:
        """Model, weights and preprocessing of both networks."""
        return {"detector": describe_detector(self.detector), "vgg": describe_vgg(self.vgg)}

    def load(self, folder: ShardFolder, device: str) -> Extraction:
        """Build the networks for the photos of the folder's plan."""
        plan = folder.plan
        return Extraction(folder, plan, self.root, self.build_networks(device))

    def build_networks(self, device: str) -> Networks:
        """Build both networks with their weights."""
        detector = build_detector(self.detector, device)
        classes = tuple(detector.class_names)
        layout = Layout(self.objects, self.detector.regions, detector.feature_dim, self.vgg.fc7, classes)
        return Networks(detector, build_vgg(self.vgg, device), layout)
