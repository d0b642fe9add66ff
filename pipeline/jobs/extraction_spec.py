"""Which networks features are made with, and how a worker loads them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dgf.pipeline.checkpoints import CONFIG_FILE
from dgf.pipeline.detectors import DetectorSpec, build_detector, describe_detector, digest_of_boxes, read_boxes
from dgf.pipeline.encoders import VGG16, EncoderSpec, build_photo_encoder, describe_photo_encoder, find_encoder
from dgf.pipeline.encoders.resnet import ResNetSpec, build_resnet, describe_resnet
from dgf.pipeline.errors import UserError
from dgf.pipeline.jobs.extraction import Extraction, Networks
from dgf.pipeline.jobs.given import GivenObjects
from dgf.pipeline.photos import Damaged
from dgf.pipeline.precision import check_precision
from dgf.pipeline.shards import SCHEMA, Layout, ShardFolder
from dgf.pipeline.storage.address import Location


@dataclass(frozen=True, slots=True)
class FeatureSpec:
    """What the features of any photo are made with; K `objects` are kept of it, the best of the detector's regions.

    All networks compute in one precision.

    Pyramids are made by `resnet`, where there is one.
    Objects are those at the `boxes` of a file, where there is one.
    Photos whose pixel data is `damaged` have none ("fail"), or those of what the decoder makes of it ("use").

    Raises:
        UserError: More objects than regions.
    """

    detector: DetectorSpec
    encoder: EncoderSpec
    objects: int
    damaged: Damaged = "fail"
    resnet: ResNetSpec | None = None
    boxes: str | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.objects <= self.detector.regions:
            raise UserError(
                f"--top-k {self.objects}: the objects are the best of the {self.detector.regions} regions",
                "Give a number between 1 and --regions.",
            )

    @classmethod
    def of_command(cls, command: Mapping[str, Any]) -> "FeatureSpec":
        """What the command of a folder says (`ShardFolder.command`)."""
        sizes = (command["regions"], command["min_size"], command["max_size"])
        precision = command.get("precision")
        detector = DetectorSpec(command["detector"], command["weights"], *sizes, precision)
        encoder_weights = command["vgg_weights" if "vgg_weights" in command else "encoder_weights"]
        encoder = EncoderSpec(command.get("encoder", VGG16), encoder_weights, command["fc7"], precision)
        resnet = ResNetSpec(command["resnet_weights"], precision) if "resnet_weights" in command else None
        return cls(detector, encoder, command["top_k"], command.get("damaged", "fail"), resnet, command.get("boxes"))

    @property
    def command(self) -> dict[str, Any]:
        """The options that new photos are extracted with in the same way; files by their whole path.

        `damaged`, `resnet_weights`, `boxes` and `precision` are among them only where they were asked for, as in
        `ExtractionSpec.describe`: folders from before lack them, although their networks saw whatever the decoder made.
        """
        options = {
            "detector": _located(self.detector.spec),
            "weights": _located(self.detector.weights),
            **self._encoder_options(),
            "fc7": self.encoder.fc7,
            "top_k": self.objects,
            "regions": self.detector.regions,
            "min_size": self.detector.min_size,
            "max_size": self.detector.max_size,
        }
        if self.resnet is not None:
            options["resnet_weights"] = _located(self.resnet.weights)
        if self.boxes is not None:
            options["boxes"] = _located(self.boxes)
        if self.detector.precision is not None:
            options["precision"] = self.detector.precision
        return options if self.damaged == "fail" else {**options, "damaged": self.damaged}

    def settings(self) -> dict[str, Any]:
        """What the numbers of any photo's features mean: model, weights and preprocessing of each network, and K.

        `damaged` and `boxes` are among them where they were asked for.

        Raises:
            UserError: Weights or files are not there.
        """
        encoder = "vgg" if self.encoder.spec == VGG16 else "encoder"  # as folders from before there was a choice say
        described: dict[str, Any] = {"kind": "features", "schema": SCHEMA}
        described |= {"detector": describe_detector(self.detector), encoder: describe_photo_encoder(self.encoder)}
        if self.resnet is not None:
            described["resnet"] = describe_resnet(self.resnet)
        if self.damaged != "fail":
            described["damaged"] = self.damaged
        described["objects"] = self.objects
        if self.boxes is not None:
            described["objects_at"] = "given boxes, by score or as they stand"
            described["boxes"] = {"sha256": digest_of_boxes(Path(self.boxes))}
        return described

    def build_networks(self, device: str) -> Networks:
        """Build the networks with their weights.

        Raises:
            UserError: Weights are not there or do not fit, or the device does not compute in their precision.
        """
        check_precision(self.detector.precision, device)
        detector = build_detector(self.detector, device)
        encoder = build_photo_encoder(self.encoder, device)
        count, dim = encoder.block_shape
        sizes = (self.objects, self.detector.regions, detector.feature_dim)
        resnet = None if self.resnet is None else build_resnet(self.resnet, device)
        names, given = tuple(detector.class_names), None
        if self.boxes is not None:
            given = GivenObjects.of(read_boxes(Path(self.boxes)), self.objects, names)
            names = given.class_names
        layout = Layout(*sizes, self.encoder.fc7, names, dim, resnet is not None, count)
        return Networks(detector, encoder, layout, resnet, find_encoder(self.encoder).software, given)

    def _encoder_options(self) -> dict[str, str]:
        """The options that choose the encoder; VGG16 has one of its own for its weights."""
        if self.encoder.spec == VGG16:
            return {"vgg_weights": _located(self.encoder.weights)}
        kind, colon, model = self.encoder.spec.partition(":")
        return {"encoder": f"{kind}{colon}{_located(model)}", "encoder_weights": _located(self.encoder.weights)}


@dataclass(frozen=True, slots=True)
class ExtractionSpec:
    """Which computation feature shards come from; `root` is the folder of the photos, absolute, or its address."""

    root: Location
    features: FeatureSpec

    def describe(self) -> dict[str, Any]:
        """Model, weights and preprocessing of each network, and what else the numbers depend on."""
        return self.features.settings()

    def load(self, folder: ShardFolder, device: str) -> Extraction:
        """Build the networks for the photos of the folder's plan."""
        return Extraction(
            folder, folder.plan, self.root, self.features.build_networks(device), damaged=self.features.damaged
        )


def _located(value: str) -> str:
    """A file or a checkpoint's folder by its whole path, so that it is found from elsewhere; anything else as it is."""
    path = Path(value)
    return str(path.absolute()) if value and (path.is_file() or (path / CONFIG_FILE).is_file()) else value
