"""What a run is made of: software, networks and data, each under a license of its own."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dgf.workflows.config import TrainConfig
from dgf.workflows.sharing.names import ELSEWHERE

_OWN = "its own, to be told here"
_NOT_HERE = "no"


@dataclass(frozen=True, slots=True)
class RunPart:
    """One of them.

    Args:
        what: Its role.
        name: Which one.
        here: Whether it is in the run folder, and where.
        license: What is known of its license.
        random: Whether its weights were never trained by anybody before this run.
    """

    what: str
    name: str
    here: str = _NOT_HERE
    license: str = _OWN
    random: bool = False


def list_parts(config: TrainConfig, facts: Mapping[str, Any]) -> list[RunPart]:
    """List the parts of a run by its shared configuration and facts, the software first, the data last."""
    return [RunPart("software", "dgf", license="Apache-2.0"), _language_model(config), *_seen_by(facts), *_data(config)]


def named(place: str) -> str:
    """A shared place as people say it."""
    return place.replace(ELSEWHERE, "")


def _language_model(config: TrainConfig) -> RunPart:
    random = config.language_model.startswith("random:") or config.language_model == "words"
    return RunPart(
        "word vectors" if config.model.reads.word_vectors else "language model",
        named(config.language_model),
        "yes, its weights in model.safetensors and its tokenizer in tokenizer/",
        "none: its weights began at random" if random else _OWN,
        random,
    )


def _seen_by(facts: Mapping[str, Any]) -> Iterator[RunPart]:
    """The networks that photos were seen and captioned by."""
    if seen := facts["extraction"]:
        networks = {"detector": "weights", "VGG16": "vgg_weights", "encoder": "encoder_weights"}
        networks["ResNet-50"] = "resnet_weights"
        for what, key in networks.items():
            if key in seen:
                kind = f"{named(str(seen[what]))}, " if what in seen else ""
                yield RunPart(what, f"{kind}weights {named(str(seen[key]))}", random=_is_random(str(seen[key])))
        if "boxes" in seen:
            yield RunPart("boxes of objects", named(str(seen["boxes"])))
    if said := facts["captioning"]:
        source = str(said.get("source"))
        yield RunPart("captioner", f"{said.get('backend')}, {named(source)}", random=_is_random(source))


def _data(config: TrainConfig) -> Iterator[RunPart]:
    data = config.data
    captions = data.captions if isinstance(data.captions, tuple) else (data.captions,)
    beside = {"entity types": data.types, "scene graphs": data.graphs}
    yield RunPart("data set", named(data.path))
    for what, file in beside.items():
        if file is not None:
            yield RunPart(what, named(file))
    for file in captions:
        if file is not None:
            yield RunPart("captions", named(file))


def _is_random(weights: str) -> bool:
    return weights == "random" or weights.startswith("random:")
