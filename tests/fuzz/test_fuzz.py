"""Five thousand mutated files: every reader reads them or says in words why not, quickly and without a trace."""

import pytest

from .driver import run_cases, share_out
from .report import failures, table
from .targets import TARGETS

COUNT = 5000
SEED = 0


MAY_REFUSE = ("array", "validate")
"""Targets whose seeds are not all read: arrays of posts, and posts whose photos are not there."""


@pytest.mark.slow
def test_every_seed_is_read() -> None:
    jobs = [(name, -1 - index) for name, target in TARGETS.items() for index in range(len(target.seeds()))]
    outcomes = list(run_cases(jobs, SEED))
    assert len(outcomes) == len(jobs)
    wrong = [o for o in outcomes if o.kind != "read" and (o.failed or o.target not in MAY_REFUSE)]
    assert not wrong


@pytest.mark.slow
def test_no_mutated_file_breaks_a_reader() -> None:
    outcomes = list(run_cases(share_out(COUNT), SEED))
    print(table(outcomes))
    assert len(outcomes) >= 0.99 * COUNT
    found = failures(outcomes, SEED)
    assert not found, f"\n{found}"
