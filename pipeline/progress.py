"""The bar on stderr that counts photos."""

import sys
from typing import Any

from tqdm import tqdm


def photo_bar(title: str, total: int, done: int = 0) -> "tqdm[Any]":
    """A bar of `total` photos, `done` of which need no work."""
    return tqdm(total=total, initial=done, desc=title, unit=" photos", file=sys.stderr, mininterval=0.5)
