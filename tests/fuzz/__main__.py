"""`python -m tests.fuzz`: as many cases as wanted, and a report."""

import argparse
import contextlib
import json
import os
import signal
import sys
from pathlib import Path

# `support` and the workers' modules are found from the folder of the tests.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))


def main() -> int:
    """Run what the command line asks for; 1 where a case failed."""
    from tqdm import tqdm

    from .cases import write_case
    from .driver import run_cases, share_out
    from .report import failures, table
    from .targets import TARGETS

    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=5000, help="cases, shared out over the targets")
    parser.add_argument("--seed", type=int, default=0, help="of all cases")
    parser.add_argument("--target", choices=sorted(TARGETS), help="one target alone")
    parser.add_argument("--only", type=int, metavar="NUMBER", help="one case of --target alone, with its whole message")
    parser.add_argument("--first", type=int, default=0, metavar="NUMBER", help="number of each target's first case")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="write the files of --only there")
    parser.add_argument("--log", type=Path, metavar="FILE", help="append every failure as a line of JSON")
    asked = parser.parse_args()
    if asked.only is not None and asked.target is None:
        parser.error("--only needs --target")

    jobs = [(name, number + asked.first) for name, number in share_out(asked.count, asked.target)]
    if asked.only is not None:
        jobs = [(asked.target, asked.only)]
        if asked.keep is not None:
            write_case(asked.keep, asked.seed, asked.target, asked.only)
    # stopped early, it reports what it has
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    outcomes = []
    bar = tqdm(total=len(jobs), unit="case", dynamic_ncols=True, mininterval=1.0)
    with contextlib.suppress(KeyboardInterrupt), bar:
        for outcome in run_cases(jobs, asked.seed, asked.processes):
            outcomes.append(outcome)
            bar.update()
            if outcome.failed and asked.log is not None:
                with asked.log.open("a") as file:
                    file.write(json.dumps(outcome.to_json()) + "\n")
    print(table(outcomes))
    print(failures(outcomes, asked.seed))
    if asked.only is not None and outcomes:
        print(outcomes[0].kind, outcomes[0].place, outcomes[0].message, sep=os.linesep)
    return int(any(outcome.failed for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
