"""How a folder of features or captions was made: so that new photos can be treated in the same way, and only so."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dgf.pipeline.errors import UserError
from dgf.pipeline.shards.commit import MANIFEST, SETTINGS, fingerprint


def command_of(folder: Path) -> dict[str, Any]:
    """The options that decided what was computed, as the manifest keeps them."""
    return dict(_read(folder / MANIFEST)["command"])


def captioner_of(captions: Path) -> str:
    """Fingerprint of the captioner: its weights, beams and lengths, whatever photos it described."""
    return fingerprint(_read(captions / SETTINGS)["captioner"])


def _read(file: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{file}: cannot be read: {error}", "Run the command that made the folder again.") from error
    if not isinstance(content, dict):
        raise UserError(f"{file}: holds no facts", "Run the command that made the folder again.")
    return content
