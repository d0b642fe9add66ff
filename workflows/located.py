"""What a configuration names at addresses, fetched: everything after that reads paths of this machine."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import overload

from dgf.pipeline.shards import SETTINGS, bring_shards
from dgf.pipeline.storage.address import Address, is_address, parse_location
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
