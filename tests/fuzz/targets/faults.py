"""A target that is at fault in every way that the harness must notice."""

import faulthandler
import time
from collections.abc import Callable
from pathlib import Path

from .base import Case


def fault(case: Case) -> object:
    """What the harness must notice, by number; 0 is in order."""
    home, text = Path.home(), (case.folder / "x").exists()
    faults: tuple[Callable[[], object], ...] = (
        lambda: text,
        lambda: len(None),  # type: ignore[arg-type]
        faulthandler._sigsegv,  # type: ignore[attr-defined]
        lambda: time.sleep(60),
        lambda: sum(1 for _ in iter(lambda: time.process_time() > started + 1.1, True)),
        lambda: len(b"\1" * (11 << 27)),
        lambda: "pass allow_pickle=True",
        lambda: (home / "x").write_text(""),
        lambda: Path("posts.jsonl").write_text(""),
        lambda: (home.parent / "canary" / "deep" / "x.json").unlink(),
        lambda: (case.folder / "x").write_text(""),
    )
    started = time.process_time()
    return faults[case.number // 50]()
