"""Runs on the Hugging Face hub."""

import re
from pathlib import Path

from dgf.pipeline.errors import UserError, foreign_reason

_HUB = "hub:"
_NAME = re.compile(rf"({_HUB})?[\w.-]+/[\w.-]+(@[\w./-]+)?")


def is_hub_name(text: str) -> bool:
    """Whether a text may be the name of a repository, `owner/name` or `owner/name@revision`, also behind `hub:`."""
    return _NAME.fullmatch(text) is not None


def fetch_run(name: str) -> Path:
    """Fetch a run, or find what was fetched before; checkpoints stay where they are.

    Raises:
        UserError: It is not there, or cannot be reached.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    repository, _, revision = name.removeprefix(_HUB).partition("@")
    try:
        folder = snapshot_download(repository, revision=revision or None, ignore_patterns=["checkpoints/*", "eval-*"])
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise UserError(
            f"{name}: there is no such folder, and no run of that name could be fetched ({foreign_reason(error)})",
            "Give the folder of a run, or the owner and name of a repository on the Hugging Face hub.",
        ) from error
    return Path(folder)
