"""The exception for a wrong configuration or an unusable weights file, and what libraries say, made fit for users."""

import contextlib
import itertools
import re
from collections.abc import Callable, Iterator

_ADVICE = re.compile(
    r"weights_only|pickle|trust_remote_code|torch\.load|safe_globals|ignore_mismatched|\bunsafe\b|\bupgrade|\binstall"
    r"|\breport\b|\bissues?\b|https?:",
    re.IGNORECASE,
)
_PATH = re.compile(r"(?<!:)/\S*")


class ModelError(ValueError):
    """A configuration or weights file the network cannot use; the message names the key or tensor and the fix."""


def library_reason(error: BaseException) -> str:
    """Return the first sentences of what a library said, without its advice; its kind where nothing is left."""
    sentences = re.split(r"(?<=[.!?:])\s+", " ".join(str(error).split()))
    said = " ".join(itertools.takewhile(lambda sentence: not _ADVICE.search(_PATH.sub("", sentence)), sentences))
    return said[:200].rstrip(":") if said and said.isprintable() else type(error).__name__


@contextlib.contextmanager
def telling(describe: Callable[[str], str]) -> Iterator[None]:
    """Tell whatever a library raises as a ModelError that `describe` makes of its reason; some raise in Rust."""
    try:
        yield
    except (ModelError, KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:
        raise ModelError(describe(library_reason(error))) from error
