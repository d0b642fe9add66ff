"""Taking a folder of shards for one run and one set of settings."""

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dgf.pipeline.errors import UserError
from dgf.pipeline.files import LOCK, exclusive, remove_dead_parts, write_json

SETTINGS = "settings.json"
PLAN = "plan.json"
MANIFEST = "manifest.json"


@contextlib.contextmanager
def claim_folder(path: Path, settings: Mapping[str, Any], *, overwrite: bool) -> Iterator[None]:
    """Hold a folder, with its settings checked and written; see `ShardFolder.claim`."""
    made = not path.exists()
    if not made and not path.is_dir():
        raise UserError(f"{path} is a file, not a folder.", "Give another --out.")
    path.mkdir(parents=True, exist_ok=True)
    try:
        with exclusive(path):
            remove_dead_parts(path)
            _check_settings(path, settings, overwrite)
            write_json(path / SETTINGS, settings)
            try:
                yield
            except BaseException:
                if not any(path.glob("shard-*.json")):
                    _remove_own_files(path)
                raise
            finally:
                remove_dead_parts(path)
    finally:
        if made and not any(path.iterdir()):
            path.rmdir()


def recorded_threads(path: Path) -> int | None:
    """The number of threads a folder was begun with; None where it has not been begun, or does not say."""
    try:
        threads = read_object(path / SETTINGS).get("threads")
    except (OSError, ValueError):
        return None
    return threads if isinstance(threads, int) and threads > 0 else None


def read_object(path: Path) -> dict[str, Any]:
    """Read a JSON file; raises `OSError` or `ValueError` where it does not hold an object."""
    content = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise ValueError("not a JSON object")
    return content


def _check_settings(path: Path, settings: Mapping[str, Any], overwrite: bool) -> None:
    recorded = path / SETTINGS
    if not recorded.exists():
        if foreign := [item.name for item in path.iterdir() if item.name != LOCK]:
            fault = f"is not empty and was not made by this command (it holds {foreign[0]})."
            raise UserError(f"{path} {fault}", "Give a new folder as --out.")
        return
    try:
        changes = _differences(read_object(recorded), settings)
    except ValueError as error:
        changes = [f"{SETTINGS} cannot be read ({error})"]
    if changes and not overwrite:
        raise UserError(
            f"{path} was made with other settings: {'; '.join(changes)}.",
            "Give --overwrite to recreate it, or another --out.",
        )
    if overwrite:
        _remove_own_files(path)


def _remove_own_files(path: Path) -> None:
    # Markers go first, so that a kill in the middle leaves no marker without its file.
    for pattern in ("shard-*.json", "shard-*.h5"):
        for file in sorted(path.glob(pattern)):
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
