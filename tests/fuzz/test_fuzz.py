"""Five thousand mutated files: every reader reads them or says in words why not, quickly and without a trace."""

import pytest

from .cases import NO_SEED
from .driver import run_cases, share_out
from .report import failures, table
from .targets import TARGETS

COUNT = 5000
SEED = 0
MOST_SEEDS = 25

MAY_REFUSE = ("array", "tiff")
"""Targets whose seeds are not all read: arrays of posts, and pixels that have no one reading as RGB."""


@pytest.mark.slow
def test_every_seed_is_read() -> None:
    jobs = [(name, -number) for name in TARGETS for number in range(1, MOST_SEEDS)]
    outcomes = [outcome for outcome in run_cases(jobs, SEED) if outcome.message != NO_SEED]
    assert {outcome.target for outcome in outcomes} == set(TARGETS)
    wrong = [o for o in outcomes if o.kind != "read" and (o.failed or o.target not in MAY_REFUSE)]
    assert not wrong, "".join(f"\n{o.target} {o.number} {o.kind} {o.place} {o.message}" for o in wrong)


@pytest.mark.slow
def test_no_mutated_file_breaks_a_reader() -> None:
    outcomes = list(run_cases(share_out(COUNT), SEED))
    print(table(outcomes))
    assert len(outcomes) >= 0.99 * COUNT
    found = failures(outcomes, SEED)
    assert not found, f"\n{found}"
