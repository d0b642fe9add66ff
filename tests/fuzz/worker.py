"""A process that runs the cases it is told, and survives none of those that kill it."""

import contextlib
import faulthandler
import json
import os
import resource
import signal
import sys
import warnings
from pathlib import Path

ROOM = 8 << 30
"""Bytes of address space beyond what the process begins with."""


def main(root: Path, seed: int) -> None:
    """Read `[target, number]` lines from standard input; write an outcome for each to what was standard output."""
    results = os.fdopen(os.dup(1), "w", encoding="utf-8")
    log = (root / "log").open("w")
    os.dup2(log.fileno(), 1)
    os.dup2(log.fileno(), 2)
    faulthandler.enable(log)
    faulthandler.register(signal.SIGUSR1, log)
    warnings.simplefilter("ignore")

    from .cases import Outcome, run_case
    from .sandbox import Sandbox

    sandbox = Sandbox(root)
    os.chdir(root / "cwd")
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + ROOM, size + ROOM))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    # The first line says that the imports are done.
    print(json.dumps({}), file=results, flush=True)
    for line in sys.stdin:
        target, number = json.loads(line)
        try:
            outcome = run_case(sandbox, seed, target, number)
        except Exception as error:  # of the fuzzer's own
            outcome = Outcome(target, number, f"fuzzer: {type(error).__name__}", "", str(error))
        with contextlib.suppress(OSError):
            log.truncate(0)
            log.seek(0)
        print(json.dumps(outcome.to_json()), file=results, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
