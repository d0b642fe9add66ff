"""What lies on a user's disk, named for others: a path tells of folders and accounts, its last part of neither."""

import getpass
import re
from collections.abc import Collection, Iterable
from pathlib import Path

from dgf.pipeline.posts import hub_name

ELSEWHERE = "elsewhere:"
"""Begins what stands in a shared run for a path: no file has this name, so that none is taken for it by chance."""

_UNNAMED = "unnamed"
_KINDS = ("detectron2", "transformers", "words")
"""What may stand, with a colon, before the path of a detector's configuration, an encoder or word vectors."""

_ABSOLUTE = re.compile(r"(?<![\w/.:-])~?(?:/[^/\s;,()'\"|<>]+)+/?")


def public_name(path: str) -> str:
    """The last part of a path, on one line; a name with the user's account in it is left out."""
    name = " ".join(Path(path).name.split())
    words = re.split(r"[^0-9a-z]+", name.casefold())
    return _UNNAMED if not name or _account() in words else name


def public_place(text: str) -> str:
    """What stands in a shared run for weights or a model: those of this disk by their name, others as they are."""
    kind, colon, rest = text.partition(":")
    if colon and kind in _KINDS:
        return f"{kind}:{public_place(rest)}"
    return f"{ELSEWHERE}{public_name(text)}" if is_path(text) else text


def public_data(path: str) -> str:
    """What stands there for a data set, or a file beside it: `hub:NAME` where others can have it, else its name."""
    hub = hub_name(Path(path))
    return f"hub:{hub}" if hub else f"{ELSEWHERE}{public_name(path.removeprefix(ELSEWHERE))}"


def is_path(text: str) -> bool:
    """Whether a text names something on this disk, rather than what everybody knows by that name."""
    return text.startswith(("/", ".", "~")) or Path(text).exists()


def hide_paths(text: str, known: Iterable[str] = (), keep: Collection[str] = ()) -> str:
    """Put the name of what lies there in place of every path in a sentence.

    Args:
        text: The sentence.
        known: Paths that may stand in it; others are found by their form.
        keep: What has that form and is none, such as names of relations.
    """
    for path in sorted(filter(_has_folder, known), key=len, reverse=True):
        text = text.replace(path, public_name(path))
    return _ABSOLUTE.sub(lambda found: found[0] if found[0] in keep else public_name(found[0]), text)


def _has_folder(path: str) -> bool:
    return "/" in path.strip("/")


def _account() -> str:
    """The user's name on this machine; empty where it has none."""
    try:
        return getpass.getuser().casefold()
    except (OSError, KeyError):
        return ""
