"""Where a run is: in a folder, kept by the demo, or on the Hugging Face hub."""

import logging
import os
import re
from pathlib import Path

from dgf.pipeline.errors import UserError, foreign_reason
from dgf.workflows.demo.kept import find_run

_NAME = re.compile(r"(hub:)?(?P<repository>[\w.-]+/[\w.-]+)(@(?P<revision>[\w./-]+))?")

_log = logging.getLogger(__name__)


def locate_run(run: str | os.PathLike[str]) -> Path:
    """Find a run: a folder, `demo`, or `hub:OWNER/NAME` or `hub:OWNER/NAME@REVISION`, which is fetched once.

    Raises:
        UserError: It is not there, or cannot be reached.
    """
    name = os.fspath(run)
    if not name.startswith("hub:") or Path(run).exists():
        return _find_folder(name)
    if (named := _NAME.fullmatch(name)) is None:
        raise UserError(f"{name}: not the name of a run on the hub", "Give hub:OWNER/NAME or hub:OWNER/NAME@REVISION.")
    return _fetch(name, named["repository"], named["revision"])


def _find_folder(name: str) -> Path:
    """Find the folder of a run, or of the demo's.

    Raises:
        UserError: There is no such folder; says where else a run of that name may be.
    """
    folder = find_run(Path(name))
    if not folder.exists():
        at_hub = f", or hub:{name} for a run of the Hugging Face hub" if _NAME.fullmatch(name) else ""
        raise UserError(f"{name}: no such folder", f"Name the folder that `dgf train` made{at_hub}.")
    return folder


def _fetch(name: str, repository: str, revision: str | None) -> Path:
    """Fetch a run, or find what was fetched before; checkpoints stay where they are."""
    from huggingface_hub import snapshot_download

    try:
        folder = snapshot_download(repository, revision=revision, ignore_patterns=["checkpoints/*", "eval-*"])
    except Exception as error:  # of its own and of whatever it reaches the network with
        fault = f"{name}: could not be fetched ({foreign_reason(error)})"
        raise UserError(fault, "Check name and network, or give the folder of a run.") from error
    _log.info("%s: run of the Hugging Face hub, kept in %s", name, folder)
    return Path(folder)
