"""What is said of many outcomes: a table by target, and each distinct failure once."""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence

from .cases import Outcome

SHOWN = 20


def table(outcomes: Sequence[Outcome]) -> str:
    """Counts by target and outcome, with the rate and the slowest and largest case."""
    rows: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        rows[outcome.target].append(outcome)
    lines = [
        f"{'target':<15}{'cases':>8}{'read':>8}{'refused':>9}{'failed':>8}{'cases/s':>9}"
        f"{'slowest (number)':>20}{'largest (number)':>22}"
    ]
    for target, found in rows.items():
        kinds = Counter("failed" if outcome.failed else outcome.kind for outcome in found)
        rate = len(found) / max(1e-9, sum(outcome.seconds for outcome in found))
        slowest, largest = max(found, key=lambda o: o.seconds), max(found, key=lambda o: o.growth)
        lines.append(
            f"{target:<15}{len(found):>8}{kinds['read']:>8}{kinds['refused']:>9}{kinds['failed']:>8}{rate:>9.0f}"
            f"{slowest.seconds:>9.2f} s ({slowest.number:>6}){largest.growth >> 20:>9} MiB ({largest.number:>6})"
        )
    return "\n".join(lines)


def distinct(outcomes: Sequence[Outcome]) -> list[list[Outcome]]:
    """Failures of one kind at one line, those with the most cases first."""
    groups: dict[tuple[str, str], list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        if outcome.failed:
            # the same advice or the same trace of another target at the same line is the same fault
            groups[outcome.kind, outcome.place or _said(outcome)].append(outcome)
    return sorted(groups.values(), key=len, reverse=True)


def _said(outcome: Outcome) -> str:
    return outcome.target + re.sub(r"\W|\d", "", outcome.message)[:60]


def failures(outcomes: Sequence[Outcome], seed: int) -> str:
    """The first distinct failures: target, number, exception, innermost line, message, and how to see it again."""
    groups = distinct(outcomes)
    lines = [f"{len(groups)} distinct failures in {sum(map(len, groups))} cases"] if groups else []
    for group in groups[:SHOWN]:
        first = min(group, key=lambda outcome: (outcome.target, outcome.number))
        targets = ", ".join(sorted({outcome.target for outcome in group}))
        message = ascii(" ".join(first.message.split())[:300])
        lines += [
            f"({first.target}, {first.number}, {first.kind}, {first.place or 'no line of dgf'})",
            f"    {len(group)}x in {targets}",
            f"    {message}",
            f"    python -m tests.fuzz --seed {seed} --target {first.target} --only {first.number}",
        ]
    return "\n".join(lines)
