"""Checkpoints as the Hugging Face hub has them: found, or fetched where named, and loaded without a loader's talk."""

import contextlib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dgf.pipeline.errors import UserError, foreign_reason
from dgf.pipeline.file_kinds import check_folder

CONFIG_FILE = "config.json"
LOCAL: Mapping[str, Any] = {"local_files_only": True, "trust_remote_code": False}
"""How everything is loaded: from a folder, and no code that lies in it is run."""

_SAFE, _OTHER = "model.safetensors", "pytorch_model.bin"
"""One file of all weights; beside it, or without it, `.index.json` names those of several."""


def weight_files(folder: Path) -> list[Path]:
    """The files that a checkpoint's weights are loaded from: of safetensors, or of torch where there are none of those.

    Raises:
        UserError: What names them cannot be read.
    """
    for name in (_SAFE, _OTHER):
        index = folder / f"{name}.index.json"
        if (folder / name).is_file():
            return [folder / name]
        if index.is_file():
            files = [index, *_parts(index)]
            return files if all(path.is_file() for path in files) else []
    return []


def _parts(index: Path) -> list[Path]:
    try:
        names = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
        if not all(name == Path(name).name for name in names):
            raise ValueError("it names files of other folders")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UserError(f"{index} cannot be read: {foreign_reason(error)}", "Fetch the checkpoint again.") from error
    return [index.parent / name for name in names]


def _patterns(name: str) -> list[str]:
    """What is fetched of weights of this name, in whichever of its two ways they lie there."""
    stem, _, suffix = name.partition(".")
    return [f"{stem}*.{suffix}", f"{name}.index.json"]


def locate_checkpoint(name: str, *, option: str, also: tuple[str, ...] = ()) -> Path:
    """Find the folder of a checkpoint: one on this disk, or one of the hub, which is fetched once.

    Args:
        name: A folder, or a name of the hub.
        option: What asked for it, for messages.
        also: Files that are wanted beside its configuration and weights; of a checkpoint fetched before, one is enough.

    Raises:
        UserError: It is not there and cannot be fetched; says what to fetch.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        if not (folder / CONFIG_FILE).is_file():
            raise UserError(f"{option}: {folder} has no {CONFIG_FILE}", "Give the folder of a checkpoint.")
        return folder
    if folder.is_absolute() or name.startswith((".", "~")) or not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", name):
        raise UserError(f"{option}: {name}: no such folder", "Give the folder of a checkpoint.")

    from huggingface_hub import snapshot_download

    wanted = [CONFIG_FILE, *also]
    with contextlib.suppress(Exception):  # of many kinds, where it is not in the cache
        folder = Path(snapshot_download(name, local_files_only=True))
        configured, *others = ((folder / file).is_file() for file in wanted)
        if weight_files(folder) and configured and (any(others) or not also):
            return folder
    try:
        folder = Path(snapshot_download(name, allow_patterns=[*wanted, *_patterns(_SAFE)]))
        if not weight_files(folder):
            folder = Path(snapshot_download(name, allow_patterns=[*wanted, *_patterns(_OTHER)]))
        return folder
    except Exception as error:  # of its own and of whatever it reaches the network with
        raise UserError(
            f"{option}: {name} is not here and cannot be fetched ({foreign_reason(error)})",
            f"Fetch it where there is a network (`hf download {name} --local-dir DIR`), and give its folder.",
        ) from error


@contextlib.contextmanager
def hushed() -> Iterator[None]:
    """Keep transformers' own lines and bars out of the progress."""
    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()


@contextlib.contextmanager
def loading(folder: Path, what: str, hint: str) -> Iterator[None]:
    """Load from a folder, quietly; whatever the loaders raise is a `UserError` that names it, and `what` it is not."""
    try:
        with hushed():
            yield
    # The loaders raise whatever a damaged byte led them to, some of it in Rust.
    except BaseException as error:
        if isinstance(error, UserError | KeyboardInterrupt | SystemExit | GeneratorExit):
            raise
        check_folder(folder)
        raise UserError(f"{folder} cannot be loaded as {what}: {foreign_reason(error)}", hint) from error


def check_filled(folder: Path, info: Mapping[str, Any], hint: str, unread: str = r"(?!)") -> None:
    """See that a checkpoint's weights filled its network, less those whose names match `unread`.

    Args:
        folder: Where it was loaded from.
        info: What `from_pretrained` tells with `output_loading_info`.
        hint: How to fix it.
        unread: A regular expression of what the network does without.

    Raises:
        UserError: Counts what is missing or has another shape, and names the first.
    """
    faults = sorted({str(key) for kind in ("missing_keys", "mismatched_keys") for key in info.get(kind) or ()})
    if faults := [fault for fault in faults if not re.match(unread, fault)]:
        raise UserError(
            f"{folder}: {len(faults)} weights of the model are missing or shaped otherwise, such as {faults[0]}.", hint
        )
