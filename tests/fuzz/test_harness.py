"""The fuzzer notices what it is there to notice, and makes a case the same every time."""

import hashlib
import json
import subprocess
import sys

import pytest

from support import ENVIRONMENT

from .cases import make_case
from .driver import run_cases

FAULTS = (
    "read",
    "TypeError",
    "crash: SIGSEGV",
    "hang",
    "slow",
    "memory",
    "advice: allow_pickle",
    "touched: home/x was made",
)
FAULTS += ("touched: cwd/posts.jsonl was changed", "touched: canary/deep/x.json was changed", "touched: x was changed")

CHEAP = ("jsonl", "mnre", "config", "weights", "store", "png", "tiff")


@pytest.mark.long
@pytest.mark.slow
def test_every_fault_is_noticed_and_the_next_case_runs() -> None:
    jobs = [("fault", 50 * number) for number in range(len(FAULTS))]
    outcomes = list(run_cases([("fault", 1), *jobs, ("fault", 2)], seed=0))
    assert [outcome.kind for outcome in outcomes] == ["read", *FAULTS, "read"]
    assert [outcome.number for outcome in outcomes] == [1, *(number for _, number in jobs), 2]


def test_a_case_is_the_same_in_every_process() -> None:
    here = {target: _digest(target) for target in CHEAP}
    code = f"import json; from fuzz.test_harness import _digest; print(json.dumps({{t: _digest(t) for t in {CHEAP}}}))"
    environment = {**ENVIRONMENT, "PYTHONHASHSEED": "7"}
    there = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert json.loads(there.stdout) == here


def _digest(target: str) -> str:
    digest = hashlib.sha256()
    for number in range(40):
        for name, content in sorted(make_case(5, target, number).items()):
            digest.update(name.encode() + (content or b"folder"))
    return digest.hexdigest()
