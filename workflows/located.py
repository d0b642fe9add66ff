"""What a configuration names at addresses, fetched: everything after that reads paths of this machine."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import overload

from dgf.pipeline.posts import Dataset
from dgf.pipeline.shards import SETTINGS, bring_shards
from dgf.pipeline.storage.address import Address, is_address, parse_location
from dgf.pipeline.storage.photos import bring_named, photos_address
from dgf.pipeline.storage.posts import bring_file, bring_posts
from dgf.pipeline.storage.remote import Remote
from dgf.workflows.config import DataConfig


def bring_inputs(data: DataConfig) -> DataConfig:
    """Fetch posts, features and captions that lie at addresses, and name their copies instead; paths stay as they are.

    Raises:
        UserError: An address cannot be read.
    """
    captions = data.captions
    return replace(
        data,
        path=_here(data.path, bring_posts),
        features=_here(data.features, bring_shards),
        captions=tuple(_here(each, _bring_captions) for each in captions)
        if isinstance(captions, tuple)
        else _here(captions, _bring_captions),
    )


def bring_shown(dataset: Dataset, data: DataConfig, split: str) -> Dataset:
    """Fetch the photos of a split's posts that were read from an address, as far as they are there, to be shown.

    Raises:
        UserError: The address cannot be read, or the photos do not lie in it.
    """
    source = parse_location(data.path)
    if not isinstance(source, Address):
        return dataset
    shown = replace(dataset, splits={split: dataset.splits.get(split, ())})
    return replace(dataset, image_root=bring_named(photos_address(source, dataset), shown).image_root)


def _bring_captions(address: Address) -> Path:
    """Fetch a folder of caption shards, or a file of captions."""
    return bring_shards(address) if Remote(address).look(SETTINGS) is not None else bring_file(address)


@overload
def _here(text: str, bring: Callable[[Address], Path]) -> str: ...
@overload
def _here(text: None, bring: Callable[[Address], Path]) -> None: ...
@overload
def _here(text: str | None, bring: Callable[[Address], Path]) -> str | None: ...
def _here(text: str | None, bring: Callable[[Address], Path]) -> str | None:
    location = parse_location(text) if text is not None and is_address(text) else None
    return str(bring(location)) if isinstance(location, Address) else text
