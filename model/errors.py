"""The exception for a wrong configuration or an unusable weights file, and what libraries say, made fit for users."""

import re

_ADVICE = re.compile(
    r"weights_only|pickle|trust_remote_code|torch\.load|safe_globals|ignore_mismatched|unsafe|upgrade|report|issue|http",
    re.IGNORECASE,
)


class ModelError(ValueError):
    """A configuration or weights file the network cannot use; the message names the key or tensor and the fix."""


def library_reason(error: BaseException) -> str:
    """Return the first line of what a library said, or its kind where that line is advice not to be passed on."""
    line = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    usable = line and line.isprintable() and not _ADVICE.search(line)
    return line[:200] if usable else type(error).__name__
