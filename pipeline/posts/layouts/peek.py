"""What a file begins with, where its name alone does not say of which layout it is."""

import re
from pathlib import Path

from dgf.pipeline.errors import UserError
from dgf.pipeline.text_files import open_text

_KEY = re.compile(r'"(\w+)"\s*:')


def peek(path: Path) -> str:
    """The first few thousand characters of a file; none of one that is not text, as its reader will say."""
    try:
        with open_text(path) as text:
            return text.head
    except UserError:
        return ""


def first_keys(path: Path) -> frozenset[str]:
    """The keys of JSON in the first few thousand characters of a file."""
    return frozenset(_KEY.findall(peek(path)))
