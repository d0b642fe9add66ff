"""The networks that a run's photos were seen by, as the run recorded them, for photos of other posts."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from dgf.pipeline.captioners import CaptionerSpec, describe_captioner, is_random
from dgf.pipeline.detectors import digest_of_boxes
from dgf.pipeline.errors import UserError
from dgf.pipeline.features import networks_fingerprint
from dgf.pipeline.jobs.extraction_spec import FeatureSpec
from dgf.pipeline.jobs.in_memory import PhotoNetworks
from dgf.pipeline.shards import fingerprint_of
from dgf.workflows.caption import warn_of_random_captions
from dgf.workflows.extract import warn_of_random_weights
from dgf.workflows.predict.settings import PredictSettings
from dgf.workflows.training.run_folder import RunFolder


@dataclass(frozen=True, slots=True)
class WeightPlaces:
    """Where weights are that a run recorded elsewhere: of detector, VGG16, ResNet-50, captioner, another encoder."""

    weights: str | None = None
    vgg_weights: str | None = None
    resnet_weights: str | None = None
    oscar: str | None = None
    encoder_weights: str | None = None


def places_of(settings: PredictSettings) -> WeightPlaces:
    """Where the options of `dgf predict` say that weights are."""
    return WeightPlaces(**{place.name: getattr(settings, place.name) for place in fields(WeightPlaces)})


def feature_spec(facts: Mapping[str, Any], places: WeightPlaces) -> FeatureSpec:
    """Which networks the features of a run were made with, read from where they are now."""
    command = dict(facts["extraction"])
    for option in ("weights", "vgg_weights", "resnet_weights", "encoder_weights"):
        if option in command:  # of a network that the run's features were made without, there is nothing to replace
            command[option] = getattr(places, option) or command[option]
    return FeatureSpec.of_command(command)


def boxes_of_run(facts: Mapping[str, Any]) -> str | None:
    """The file of boxes at which a run's objects are; None where a detector found them."""
    extraction = facts["extraction"] or {}
    return extraction.get("boxes")


def check_boxes_of_run(facts: Mapping[str, Any]) -> None:
    """See that the file of a run's boxes is what it was; runs from before its digest was kept do not say.

    Raises:
        UserError: It is not, or cannot be read.
    """
    path, known = boxes_of_run(facts), facts.get("boxes_file")
    if path is not None and known is not None and known != {"sha256": digest_of_boxes(Path(path))}:
        raise UserError(
            f"{path} has changed since the run was trained on objects at its boxes",
            "Put back the file as it was, or give --boxes of these posts' photos.",
        )


def captioner_spec(facts: Mapping[str, Any], places: WeightPlaces) -> CaptionerSpec:
    """Which captioner a run's captions are of, read from another place where one is named.

    Raises:
        UserError: They came from a file.
    """
    spec = CaptionerSpec(**facts["captioning"])
    if spec.backend == "file":
        raise UserError(
            "the run was trained on captions from a file, which new posts do not have",
            "Give --captions of the posts' photos.",
        )
    if places.oscar is None:
        return spec
    moved = replace(spec, source=places.oscar)
    return moved if is_random(moved) else replace(spec, source=str(Path(places.oscar).absolute()))


def open_networks(folder: RunFolder, facts: Mapping[str, Any], places: WeightPlaces, device: str) -> PhotoNetworks:
    """Find the networks that photos are seen by as the run's own were; none of them is built yet.

    Raises:
        UserError: Weights are not there, or are others than the run's.
    """
    if (boxes := boxes_of_run(facts)) is not None:
        raise UserError(
            f"{folder.path}: its objects are at the boxes of {boxes}, and a photo alone has none",
            "Answer a data set as a whole: `dgf predict RUN POSTS --boxes FILE`, with the boxes of its photos.",
        )
    features = feature_spec(facts, places)
    if networks_fingerprint(features.settings()) != facts["features"]:
        raise UserError(
            f"{folder.path}: its photo networks give other features now than those it was trained on",
            "Give the weights that its own features were made with (`dgf inspect` of them says which).",
        )
    warn_of_random_weights(features)
    if facts["captioning"] is None:
        return PhotoNetworks(features, None, device)
    captioner = captioner_spec(facts, places)
    if fingerprint_of(describe_captioner(captioner)) != facts["captioner"]:
        raise UserError(
            f"{folder.path}: its captioner is another now than the one whose captions it was trained on",
            "Give the same checkpoint.",
        )
    warn_of_random_captions(captioner)
    return PhotoNetworks(features, captioner, device)
