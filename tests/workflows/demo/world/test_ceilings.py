"""The ceilings are those of the best rules, and the distribution is what the world promises."""

import random
from collections import Counter, defaultdict
from dataclasses import replace
from fractions import Fraction
from itertools import product

import pytest

from dgf.pipeline.posts import NONE
from dgf.workflows.demo.world.ceilings import VIEWS, View, best_rule, score_rule, seen_by
from dgf.workflows.demo.world.evidence import PAIRS, Case, draw_cases, list_cases
from dgf.workflows.demo.world.posts import WORLD_RELATIONS, WORLD_ROWS, find_ceilings

CASES = list_cases()
POPULATION = find_ceilings({}).population


def share(**wanted: object) -> Fraction:
    return sum(
        (case.share for case in CASES if all(getattr(case, key) == value for key, value in wanted.items())), Fraction(0)
    )


@pytest.mark.parametrize("seed", range(20))
def test_no_rule_of_all_there_are_is_better(seed: int) -> None:
    rng = random.Random(seed)
    relations = (NONE, "a", "b")
    cases = [
        replace(CASES[0], text=text, relation=relation, share=Fraction(rng.randrange(1, 9)))
        for text in ("x", "y", "z", "w")
        for relation in relations
    ]
    texts = sorted({seen_by("text", case) for case in cases})
    rules = (dict(zip(texts, names, strict=True)) for names in product(relations, repeat=len(texts)))
    best = max(score_rule(rule, cases, "text", weighted=True).f1 for rule in rules)
    assert score_rule(best_rule(cases, "text"), cases, "text", weighted=True).f1 == best


def test_figures_are_micro_figures_without_none() -> None:
    rows = [("x", "a"), ("x", "a"), ("x", "b"), ("x", NONE), ("y", "a"), ("y", NONE)]
    cases = [replace(CASES[0], text=text, relation=relation) for text, relation in rows]
    scored = score_rule({("x",): "a", ("y",): NONE}, cases, "text", weighted=False)
    assert (scored.precision, scored.recall, scored.f1) == (50.0, 50.0, 50.0)


def test_neither_text_nor_photo_is_enough() -> None:
    assert 60 <= POPULATION["text"].f1 <= 70 and 60 <= POPULATION["photo"].f1 <= 70
    assert 95 <= POPULATION["both"].f1 < 100


@pytest.mark.parametrize("view", VIEWS)
def test_naming_the_likeliest_is_as_good_as_the_best_rule(view: View) -> None:
    """A network that is trained by cross-entropy and names the likeliest relation can reach the ceiling."""
    table: defaultdict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    for case in CASES:
        table[seen_by(view, case)][case.relation] += case.share  # type: ignore[assignment]
    likeliest = {seen: shares.most_common(1)[0][0] for seen, shares in table.items()}
    assert score_rule(likeliest, CASES, view, weighted=True).f1 == pytest.approx(POPULATION[view].f1, abs=0.5)


def test_shares_are_as_promised() -> None:
    assert share() == 1
    assert share(photo_role="irrelevant") == Fraction(33, 100) and share(photo_role="misleading") == Fraction(10, 100)
    assert 0.38 <= share(relation=NONE) <= 0.42
    assert share(exception=True) < Fraction(2, 100)
    assert share(decided_by="nothing") == Fraction(4, 100)
    assert share(decided_by="photo") > Fraction(30, 100) and share(decided_by="both") > Fraction(10, 100)
    assert len(WORLD_RELATIONS) - 1 >= 10
    for pair in PAIRS:  # so that types alone do not tell None
        assert share(pair=pair, relation=NONE) / share(pair=pair) == pytest.approx(0.41, abs=0.015)


def test_what_decides_is_what_has_to_be_known() -> None:
    usual = [case for case in CASES if not case.exception]
    by_text, by_photo, by_both = defaultdict(set), defaultdict(set), defaultdict(set)
    for case in usual:
        by_text[case.text].add(case.relation)
        by_both[case.text, case.shown].add(case.relation)
        if case.photo_role == "helpful":
            by_photo[case.shown].add(case.relation)
    for case in usual:
        told = by_both[case.text, case.shown]
        assert told == by_text[case.text] if case.decided_by == "nothing" else len(told) == 1
        assert (len(by_text[case.text]) == 1) == (case.decided_by == "text")
        assert 1 <= len(by_text[case.text]) <= 4
        if case.decided_by != "text":
            assert NONE in by_text[case.text]
            fitting = len(by_photo[case.shown])
            assert case.decided_by == ("nothing" if not fitting else "photo" if fitting == 1 else "both")
        if case.photo_role == "misleading":
            assert case.relation not in by_photo[case.shown]
        assert (case.photo_role == "irrelevant") == (case.shown == "clutter")


def test_drawn_splits_are_like_the_distribution() -> None:
    for split, count in WORLD_ROWS.items():
        drawn = draw_cases(CASES, count, random.Random(split))
        assert len(drawn) == count
        seen: Counter[Case] = Counter(drawn)
        assert all(abs(seen[case] - count * case.share) < 1 for case in CASES)
        for view, ceiling in find_ceilings({split: drawn}).splits[split].items():
            assert ceiling.f1 == pytest.approx(POPULATION[view].f1, abs=4)
    assert draw_cases(CASES, 300, random.Random(0)) != draw_cases(CASES, 300, random.Random(1))
