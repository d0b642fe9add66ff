"""Where cases run: their own folders, and canaries beside them that no case may touch."""

import hashlib
import os
import shutil
from pathlib import Path

from . import Files
from .seeds.folders import PLACE

_TEXT = (".json", ".jsonl", ".yaml", ".txt", "words")

Snapshot = dict[str, str]
"""Size and digest of every file, by path."""


class Sandbox:
    """The folders of one worker.

    `home`, `tmp` and `cwd` are the process's own; `canary` lies beside the case; `case` and `out` are made for each.
    """

    WATCHED = ("home", "tmp", "cwd", "canary")

    def __init__(self, root: Path) -> None:
        self.root, self.case, self.out = root, root / "case", root / "out"
        for name in self.WATCHED:
            (root / name).mkdir(parents=True, exist_ok=True)
        for name in ("home/.netrc", "cwd/posts.jsonl", "canary/x", "canary/deep/x.json", "x", "other.h5"):
            path = root / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(f"nobody reads or writes {name}\n")
        self._before = self._watched()

    @staticmethod
    def environment(root: Path) -> dict[str, str]:
        """Variables of a process that lives in such folders."""
        offline = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
        caches = {"XDG_CACHE_HOME": str(root / "home" / ".cache"), "HF_HOME": str(root / "home" / ".cache" / "hf")}
        fonts = {"MPLCONFIGDIR": f"{root}-fonts"}  # matplotlib lists them where a run's curves are drawn
        return {"HOME": str(root / "home"), "TMPDIR": str(root / "tmp"), **caches, **fonts, **offline}

    def write(self, files: Files) -> None:
        """Lay a case out."""
        for folder in (self.case, self.out):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
        for name, content in files.items():
            path = self.case / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if content is None:
                path.mkdir(exist_ok=True)
            else:
                path.write_bytes(self.placed(name, content))

    def placed(self, name: str, content: bytes) -> bytes:
        return content.replace(PLACE, str(self.case).encode()) if name.endswith(_TEXT) else content

    def changed_case(self, files: Files) -> str | None:
        """The first difference between what was laid out and what lies there now."""
        for name, content in files.items():
            path = self.case / name
            if content is not None and (not path.is_file() or path.read_bytes() != self.placed(name, content)):
                return f"{name} was changed"
        there = {str(path.relative_to(self.case)) for path in self.case.rglob("*") if path.is_file()}
        more = sorted(there - files.keys())
        return f"{more[0]} was made" if more else None

    def left_behind(self) -> str | None:
        """A name in the process's own folders that was not there before; quick."""
        for name in self.WATCHED:
            for entry in os.scandir(self.root / name):
                if f"{name}/{entry.name}" not in self._before and not (
                    entry.is_dir() and not any(Path(entry).rglob("*"))
                ):
                    return f"{name}/{entry.name} was made"
        return None

    def touched(self) -> str | None:
        """The first difference of the watched folders from how they began."""
        now = self._watched()
        names = (name for name in sorted(self._before | now) if self._before.get(name) != now.get(name))
        return next((f"{name} was changed" for name in names), None)

    def forgive(self) -> None:
        """Take what is there now as the beginning, so that a fault is told once."""
        self._before = self._watched()

    def _watched(self) -> Snapshot:
        found: Snapshot = {}
        for name in self.WATCHED:
            for path in sorted((self.root / name).rglob("*")):
                data = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
                found[str(path.relative_to(self.root))] = f"{len(data)} {hashlib.sha256(data).hexdigest()}"
        for path in sorted(self.root.iterdir()):
            if path.name not in (*self.WATCHED, "case", "out", "log"):
                found[path.name] = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
        return found
