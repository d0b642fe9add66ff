"""The files of a run that others need, checked to tell nothing of the machine it was made on."""

import re
from collections.abc import Mapping
from pathlib import Path

from dgf.model.checkpoint import CONFIG, TOKENIZER, WEIGHTS, shared_config
from dgf.pipeline.errors import UserError
from dgf.pipeline.files import record_bytes
from dgf.workflows.config import dump_config
from dgf.workflows.sharing.card import CARD, make_card, may_replace
from dgf.workflows.sharing.names import public_place
from dgf.workflows.sharing.portable import recorded_paths, share_config, share_facts
from dgf.workflows.training.run_folder import RunFolder

Bundle = Mapping[str, bytes | Path]
"""What is shared, by its name in the repository: made for it, or a file as it lies in the run folder."""

_ACCOUNTS = re.compile(r"(?<![\w.])(?:/home/|/Users/|/root/|[A-Za-z]:\\Users\\)[^\s\"'`]+")
"""Folders of accounts, which no text of a run has but as a path."""


def gather_bundle(folder: RunFolder, repository: str) -> Bundle:
    """Gather what `dgf.load` needs of a finished run, and its card; no checkpoints, no metrics and nothing of the data.

    Args:
        folder: The run.
        repository: Where it is to lie.

    Raises:
        UserError: The run is not finished, or a file tells of this machine.
        ModelError: Its weights or its tokenizer are damaged.
    """
    recorded, kept = folder.finished_config(), folder.read_data()
    network = shared_config(folder.path, public_place(recorded.language_model))
    files: dict[str, bytes | Path] = {
        CARD: make_card(folder, repository).encode() if may_replace(folder) else folder.path / CARD,
        "config.yaml": dump_config(share_config(recorded), sealed=True).encode(),
        "data.json": record_bytes(share_facts(kept)),
        "labels.json": folder.path / "labels.json",
        CONFIG: network,
        WEIGHTS: folder.path / WEIGHTS,
    }
    tokenizer = (path for path in (folder.path / TOKENIZER).rglob("*") if path.is_file())
    files |= {path.relative_to(folder.path).as_posix(): path for path in sorted(tokenizer)}
    paths = {*recorded_paths(recorded, kept), str(folder.path.absolute()), str(Path.home()), str(Path.cwd())}
    _check_texts(files, paths)
    return files


def sizes_of(bundle: Bundle) -> dict[str, int]:
    """Bytes of each file."""
    return {
        name: len(content) if isinstance(content, bytes) else content.stat().st_size for name, content in bundle.items()
    }


def _check_texts(bundle: Bundle, paths: set[str]) -> None:
    """Refuse texts in which a path of this machine stands; in a vocabulary, only those that the run knows."""
    known = [path for path in paths if path.startswith("/") and "/" in path.strip("/")]
    for name, content in bundle.items():
        if name == WEIGHTS:
            continue
        text = (content if isinstance(content, bytes) else content.read_bytes()).decode(errors="replace")
        found = next((path for path in known if path in text), None)
        if found is None and not name.startswith(TOKENIZER) and (match := _ACCOUNTS.search(text)):
            found = match[0]
        if found is not None:
            raise UserError(
                f"{name}: tells where something lies on this machine ({found}), and would be seen by others",
                f"Take it out of {name}." if name == CARD else "Give it another name, or share another run.",
            )
