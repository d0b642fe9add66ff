"""The exception for a wrong configuration or an unusable weights file, and what libraries say, made fit for users."""

import itertools
import re

_ADVICE = re.compile(
    r"weights_only|pickle|trust_remote_code|torch\.load|safe_globals|ignore_mismatched|unsafe|upgrade|report|issue|http",
    re.IGNORECASE,
)


class ModelError(ValueError):
    """A configuration or weights file the network cannot use; the message names the key or tensor and the fix."""


def library_reason(error: BaseException) -> str:
    """Return the first sentences of what a library said, without its advice; its kind where nothing is left."""
    line = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    sentences = re.split(r"(?<=[.!?])\s+", line)
    said = " ".join(itertools.takewhile(lambda sentence: not _ADVICE.search(sentence), sentences))
    return said[:200] if said and said.isprintable() else type(error).__name__
