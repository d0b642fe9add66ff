"""The demo's finished model, kept for the user so that `dgf predict demo POSTS` answers at once."""

import os
import shutil
import tempfile
from pathlib import Path

from dgf.pipeline.errors import UserError

KEPT_NAME = "demo"
"""What stands for the kept run in place of a folder."""


def keep_run(run: Path) -> Path:
    """Copy a finished run to where `find_run` looks, in place of an earlier one; its checkpoints stay behind.

    Raises:
        OSError: It cannot be written there.
    """
    kept = _kept_place()
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"{KEPT_NAME}.part-", dir=kept.parent) as scratch:
        new, old = Path(scratch) / "new", Path(scratch) / "old"
        shutil.copytree(run, new, ignore=shutil.ignore_patterns("checkpoints", "eval-*"))
        if kept.is_dir():
            kept.rename(old)
        new.rename(kept)
    return kept


def find_run(run: Path) -> Path:
    """Return the kept run where `demo` is asked for and no folder has that name, else what was asked for.

    Raises:
        UserError: `demo` is asked for, and no demo has been run yet.
    """
    if str(run) != KEPT_NAME or run.exists():
        return run
    kept = _kept_place()
    if not kept.is_dir():
        raise UserError(
            f"{run}: there is no such folder, and no demo's model is kept in {kept} yet",
            "`dgf demo` makes and keeps one, in some minutes.",
        )
    return kept


def _kept_place() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()) / "dgf" / KEPT_NAME
