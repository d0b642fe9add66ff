"""What a run recorded, without what is of one machine or of single rows: as others can use it."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from dgf.workflows.config import TrainConfig
from dgf.workflows.sharing.names import is_path, public_data, public_place

_PLACES = {
    "extraction": ("detector", "weights", "vgg_weights", "encoder", "encoder_weights", "resnet_weights", "boxes"),
    "captioning": ("source",),
}
"""Options in `data.json`, of how photos are seen and captioned, that may name a file or a folder."""

RECORDED_FILES = {"types_file": "file of entity types", "graphs_file": "file of scene graphs"}
"""Keys of `data.json` that hold a file and its digest, and what it is."""

_NOT_TOLD = "not told"
"""Stands for a row that was left out: how many there were is told, not which."""


def share_config(config: TrainConfig) -> TrainConfig:
    """Name data, features, captions, types, graphs and the language model in a configuration, not where they lie."""
    data = config.data
    captions = data.captions
    return replace(
        config,
        language_model=public_place(config.language_model),
        data=replace(
            data,
            path=public_data(data.path),
            features=_shared(data.features),
            captions=tuple(map(public_data, captions)) if isinstance(captions, tuple) else _shared(captions),
            types=_shared(data.types),
            graphs=_shared(data.graphs),
        ),
    )


def share_facts(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Do the same with what `data.json` says; rows that were left out are counted alone."""
    shared = {**facts}
    for command, keys in _PLACES.items():
        if (options := facts[command]) is not None:
            places = {key: public_place(options[key]) for key in keys if isinstance(options.get(key), str)}
            shared[command] = {**options, **places}
    for key in RECORDED_FILES:
        if facts.get(key) is not None:
            shared[key] = {**facts[key], "file": public_data(facts[key]["file"])}
    if "skipped_rows" in facts:
        shared["skipped_rows"] = [_NOT_TOLD] * len(facts["skipped_rows"])
    return shared


def recorded_paths(config: TrainConfig, facts: Mapping[str, Any]) -> Iterator[str]:
    """Every path in both: what `share_config` and `share_facts` exchange."""
    data = config.data
    captions = data.captions if isinstance(data.captions, tuple) else (data.captions,)
    files = [data.path, data.features, *captions, data.types, data.graphs]
    files += [(facts.get(key) or {}).get("file") for key in RECORDED_FILES]
    networks: list[Any] = [config.language_model]
    networks += [(facts[command] or {}).get(key) for command, keys in _PLACES.items() for key in keys]
    yield from (file for file in files if isinstance(file, str))
    for text in networks:
        if isinstance(text, str):
            yield from (part for part in (text, text.partition(":")[2]) if part and is_path(part))


def _shared(path: str | None) -> str | None:
    return None if path is None else public_data(path)
