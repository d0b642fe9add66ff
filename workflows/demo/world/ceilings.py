"""The best F1 that any model of the posts can reach: exact, since the posts come from a known finite distribution.

A model sees evidence, say the kind of sentence, and is at best a rule that names one relation for each. F1 is
2 TP / (P + G), with TP the probability that a relation other than None is named and right, P that one is named, G
that there is one. For a number f, some rule has an F1 above f if and only if some rule has 2 TP - f (P + G) > 0, and
the rule with the largest such difference chooses for each evidence by itself: the likeliest relation if it is likelier
than f / 2, else None. Setting f to the F1 of that rule and choosing again (Dinkelbach's iteration) raises F1 until no
rule is better; there are finitely many rules, so it ends at the best. All numbers are fractions, nothing is rounded.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from dgf.pipeline.posts import NONE
from dgf.workflows.demo.world.evidence import Case

View = Literal["text", "photo", "both"]
VIEWS: tuple[View, ...] = ("text", "photo", "both")
Evidence = tuple[str, ...]
Rule = Mapping[Evidence, str]


@dataclass(frozen=True, slots=True)
class Ceiling:
    """What a rule scores: micro figures without None, in percent."""

    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, slots=True)
class Ceilings:
    """What the best rules score that read the text alone, the photo alone, or both.

    Args:
        population: Of the distribution: the most that anything can reach.
        splits: What the same rules score on the posts drawn for each split.
    """

    population: Mapping[View, Ceiling]
    splits: Mapping[str, Mapping[View, Ceiling]]


def seen_by(view: View, case: Case) -> Evidence:
    """Return what can be told of a case from the text, the photo or both."""
    return {"text": (case.text,), "photo": (case.shown,), "both": (case.text, case.shown)}[view]


def best_rule(cases: Iterable[Case], view: View) -> Rule:
    """Find the rule with the highest F1 among those that read a view."""
    table: defaultdict[Evidence, defaultdict[str, Fraction]] = defaultdict(lambda: defaultdict(Fraction))
    for case in cases:
        table[seen_by(view, case)][case.relation] += case.share
    rule: Rule = {}
    reached = Fraction(0)
    while True:
        better = {evidence: _choose(shares, reached) for evidence, shares in table.items()}
        f1 = _figures(((seen, better[seen], r, s) for seen, shares in table.items() for r, s in shares.items()))[2]
        if f1 <= reached:
            return rule
        rule, reached = better, f1


def score_rule(rule: Rule, cases: Iterable[Case], view: View, weighted: bool) -> Ceiling:
    """Score a rule on cases, each counted by its share or, drawn already, as one."""
    answers = (
        (seen_by(view, case), rule[seen_by(view, case)], case.relation, case.share if weighted else Fraction(1))
        for case in cases
    )
    return Ceiling(*(round(100 * float(figure), 2) for figure in _figures(answers)))


def _choose(shares: Mapping[str, Fraction], reached: Fraction) -> str:
    """Name the relation that adds the most to 2 TP - f P, or None where none adds anything."""
    likeliest = max(shares, key=lambda relation: (relation != NONE, shares[relation]))
    gain = 2 * shares[likeliest] - reached * sum(shares.values())
    return likeliest if likeliest != NONE and gain > 0 else NONE


def _figures(answers: Iterable[tuple[Evidence, str, str, Fraction]]) -> tuple[Fraction, Fraction, Fraction]:
    right = named = there = Fraction(0)
    for _, answer, relation, share in answers:
        named += share if answer != NONE else 0
        there += share if relation != NONE else 0
        right += share if answer == relation != NONE else 0
    return _ratio(right, named), _ratio(right, there), _ratio(2 * right, named + there)


def _ratio(part: Fraction, whole: Fraction) -> Fraction:
    return part / whole if whole else Fraction(0)
