"""The demo's finished model, kept for the user so that `dgf predict demo POSTS` answers at once."""

import os
import shutil
from pathlib import Path

from dgf.pipeline.errors import UserError

KEPT_NAME = "demo"
"""What stands for the kept run in place of a folder."""


def keep_run(run: Path) -> Path:
    """Copy a finished run to where `find_run` looks, in place of an earlier one; its checkpoints stay behind."""
    kept = _kept_place()
    part = kept.with_name(f"{kept.name}.part-{os.getpid()}")
    shutil.rmtree(part, ignore_errors=True)
    kept.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(run, part, ignore=shutil.ignore_patterns("checkpoints", "eval-*"))
    shutil.rmtree(kept, ignore_errors=True)
    part.rename(kept)
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
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dgf" / "demo"
