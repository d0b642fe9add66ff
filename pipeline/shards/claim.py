"""Taking a folder of shards for one run and one set of settings."""

import contextlib
import json
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dgf.pipeline.errors import FolderTakenError
from dgf.pipeline.files import (
    LOCK,
    exclusive,
    hold_together,
    is_part,
    read_record,
    remove_dead_parts,
    write_record,
)
from dgf.pipeline.shards.marker import MADE_BY, fingerprint_of, list_shard_files, read_markers

SETTINGS = "settings.json"
PLAN = "plan.json"
MANIFEST = "manifest.json"

_log = logging.getLogger(__name__)


@contextlib.contextmanager
def claim_folder(path: Path, settings: Mapping[str, Any], *, overwrite: bool, together: bool) -> Iterator[None]:
    """Hold a folder, with its settings checked and written; see `ShardFolder.claim`."""
    made = not path.exists()
    if not made and not path.is_dir():
        raise FolderTakenError(f"{path} is a file, not a folder.", "Give another --out.")
    path.mkdir(parents=True, exist_ok=True)
    try:
        with hold_together(path) if together else exclusive(path) as shared:
            _check_settings(path, settings, overwrite)
            remove_dead_parts(path)
            write_record(path / SETTINGS, settings)
            if shared is not None:
                shared.let_others_in()
            try:
                yield
            except BaseException:
                if (shared is None or shared.end()) and not list_shard_files(path):
                    _remove_own_files(path)
                raise
            finally:
                remove_dead_parts(path)
    finally:
        if made:
            with contextlib.suppress(OSError):  # it holds something, or another run has removed it
                path.rmdir()


def recorded_threads(path: Path) -> int | None:
    """The number of threads a folder was begun with; None where it has not been begun, or does not say."""
    try:
        threads = read_record(path / SETTINGS).get("threads")
    except (OSError, ValueError):
        return None
    return threads if isinstance(threads, int) and threads > 0 else None


def _check_settings(path: Path, settings: Mapping[str, Any], overwrite: bool) -> None:
    recorded = path / SETTINGS
    if not recorded.exists():
        if foreign := [item.name for item in path.iterdir() if item.name != LOCK and not is_part(item.name)]:
            fault = f"is not empty and was not made by this command (it holds {foreign[0]})."
            raise FolderTakenError(f"{path} {fault}", "Give a new folder as --out.")
        return

    # What it was made with, as far as its settings tell.
    (markers, _), ours = read_markers(path), False
    try:
        before = read_record(recorded)
        ours = before.get("kind") in list(MADE_BY)
        changes = _differences(before, settings)
    except (OSError, ValueError) as error:
        changes = [f"{SETTINGS} cannot be read ({error})"]

    # Damaged settings: the markers tell as well.
    if changes and not overwrite and any(marker.fingerprint == fingerprint_of(settings) for marker in markers):
        _log.warning("%s is damaged (%s): it is written again", recorded, "; ".join(changes))
        return
    if not ours and not markers:
        raise FolderTakenError(
            f"{path} holds a {SETTINGS} that dgf did not write or that is damaged, and no finished shard.",
            "Give another --out, or remove the folder if nothing in it is needed.",
        )
    if changes and not overwrite:
        hint = "Give --overwrite to recreate it, or another --out."
        if all(change.startswith("photos.") for change in changes):
            hint += " Where photos that had failed or were missing are there now, give --retry-failed."
        raise FolderTakenError(f"{path} was made with other settings: {'; '.join(changes)}.", hint)
    if overwrite:
        _remove_own_files(path)


def _remove_own_files(path: Path) -> None:
    # Markers go first, so that a kill in the middle leaves no marker without its file.
    for file in sorted(list_shard_files(path), key=lambda file: file.suffix != ".json"):
        file.unlink()
    for name in (PLAN, MANIFEST, SETTINGS):
        (path / name).unlink(missing_ok=True)


def _differences(before: Mapping[str, Any], now: Mapping[str, Any], prefix: str = "") -> list[str]:
    changes = []
    for key in sorted(before.keys() | now.keys()):
        old, new = before.get(key), now.get(key)
        if isinstance(old, dict) and isinstance(new, dict):
            changes += _differences(old, new, f"{prefix}{key}.")
        elif old != new:
            changes.append(f"{prefix}{key} was {_short(old)}, is {_short(new)}")
    return changes


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."
