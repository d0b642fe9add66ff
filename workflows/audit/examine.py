"""Learn from each signal alone, and hold what it gives away against the majority and against chance."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dgf.pipeline.posts import Dataset, Post
from dgf.workflows.audit.findings import Baseline, Finding, Told
from dgf.workflows.audit.permutation import Chance, draw_orders, holm
from dgf.workflows.audit.rules import Ids, LookupRule, Readings, RowScores, SignalRule, WordRule
from dgf.workflows.audit.signals import Signal
from dgf.workflows.scoring import group_rows, score


@dataclass(frozen=True, slots=True)
class Fold:
    """Rows to learn a rule from, and rows to score it on."""

    fitted_on: str
    fit: tuple[Post, ...]
    scored: tuple[Post, ...]


def labeled(posts: Sequence[Post]) -> tuple[Post, ...]:
    """Those whose relation is known."""
    return tuple(post for post in posts if post.relation is not None)


def halves(posts: Sequence[Post], split: str, seed: int) -> tuple[Fold, ...]:
    """Two halves of a split, each to be scored by what the other teaches; what belongs together stays together."""
    posts = labeled(posts)
    groups = group_rows(posts)
    first = np.random.default_rng(seed).permutation(groups.max(initial=-1) + 1)[groups] % 2 == 0
    one = tuple(post for post, here in zip(posts, first, strict=True) if here)
    other = tuple(post for post, here in zip(posts, first, strict=True) if not here)
    name = f"the other half of {split}"
    return (Fold(name, other, one), Fold(name, one, other)) if one and other else ()


def examine(
    dataset: Dataset, asked: Sequence[tuple[Signal, Sequence[Fold]]], seed: int = 0
) -> tuple[list[Finding], Baseline]:
    """Learn a rule from each signal alone, score it, and see how often chance does as well.

    Args:
        dataset: Whose relations these are.
        asked: Signals, and the rows that each is fitted and scored on.
        seed: Of the exchanges.

    Returns:
        What each signal gives away, with p-values corrected for all of them together; and the majority's figures, on
        the rows that the first signal is scored on.
    """
    negative = None if dataset.negative is None else dataset.relations.index(dataset.negative)
    numbers = {name: number for number, name in enumerate(dataset.relations)}
    gold_of = {post.id: numbers[post.relation] for post in dataset.posts if post.relation is not None}

    # one rule a fold; those of one fold are compared with the same exchanges
    read: dict[tuple[int, int], Readings] = {}
    by_rows: dict[tuple[str, ...], list[tuple[int, int]]] = {}
    for place, (signal, folds) in enumerate(asked):
        for part, fold in enumerate(folds):
            gold = _gold(fold.fit, gold_of)
            read[place, part] = _rule(signal, fold.fit, gold, len(numbers), negative).read(signal.of(fold.scored))
            by_rows.setdefault(tuple(post.id for post in fold.scored), []).append((place, part))
    chances: dict[tuple[int, int, str], Chance] = {}
    for keys in by_rows.values():
        place, part = keys[0]
        scored = asked[place][1][part].scored
        found = _chances(scored, _gold(scored, gold_of), negative, [read[key] for key in keys], seed)
        chances |= {
            (*key, name): chance for key, named in zip(keys, found, strict=True) for name, chance in named.items()
        }

    # both halves together, where there are two
    findings = []
    for place, (signal, folds) in enumerate(asked):
        scored = tuple(post for fold in folds for post in fold.scored)
        parts = [read[place, part] for part in range(len(folds))]
        p_values = {
            name: min(1.0, len(folds) * min(chances[place, part, name].p_value for part in range(len(folds))))
            for name in ("there", "which")
            if all((place, part, name) in chances for part in range(len(folds)))
        }
        gold = _gold(scored, gold_of)
        findings.append(_finding(signal, folds[0].fitted_on, scored, gold, dataset, negative, parts, p_values))
    scored = tuple(post for fold in asked[0][1] for post in fold.scored) if asked else ()
    return _corrected(findings), _baseline(_gold(scored, gold_of), dataset, negative)


def _gold(posts: Sequence[Post], gold_of: Mapping[str, int]) -> Ids:
    return np.array([gold_of[post.id] for post in posts], dtype=np.int64)


def _rule(signal: Signal, posts: Sequence[Post], gold: Ids, relations: int, negative: int | None) -> SignalRule:
    values = signal.of(posts)
    words = any(isinstance(value, frozenset) for value in signal.values.values())
    return (WordRule if words else LookupRule)(values, gold, relations, negative)


def _chances(
    posts: Sequence[Post], gold: Ids, negative: int | None, read: Sequence[Readings], seed: int
) -> list[dict[str, Chance]]:
    """How often the relations of other groups go with each rule's answers as well as the real ones do."""
    found: list[dict[str, Chance]] = [{} for _ in read]
    groups = group_rows(posts)
    positive = np.ones(len(gold), dtype=bool) if negative is None else gold != negative

    # whether there is a relation: the sum of the ranks of rows with one, which decides the AUC
    if negative is not None and 0 < positive.sum() < len(gold):
        ranks = np.stack([midranks(readings.evidence) for readings in read], 1)  # (n, S)
        chances = _compare(groups, seed, lambda orders: positive[orders].astype(np.float64) @ ranks)
        for named, chance in zip(found, chances, strict=True):
            named["there"] = chance

    # which relation, among the rows that have one: how many are named rightly
    if positive.any():
        groups, named_gold = np.unique(groups[positive], return_inverse=True)[1], gold[positive]
        answers = [readings.relation[positive] for readings in read]

        def right(orders: Ids) -> NDArray[Any]:
            drawn = named_gold[orders]
            return np.stack([(answer == drawn).sum(1) for answer in answers], 1)

        for named, chance in zip(found, _compare(groups, seed, right), strict=True):
            named["which"] = chance
    return found


def _compare(groups: Ids, seed: int, measure: Callable[[Ids], NDArray[Any]]) -> list[Chance]:
    """Count the exchanges in which each of S rules does at least as well as on the real labels.

    Args:
        groups: (n,) of the rows.
        seed: Of the exchanges.
        measure: Orders of the rows' labels, (draws, n), to how well each rule does, (draws, S).
    """
    real, draws = measure(np.arange(len(groups))[None])[0], 0
    as_good = np.zeros(len(real), np.int64)
    for orders in draw_orders(groups, np.random.default_rng(seed)):
        as_good += (measure(orders) >= real - 1e-6).sum(0)
        draws += len(orders)
    return [Chance(number, draws) for number in as_good.tolist()]


def _finding(
    signal: Signal,
    fitted_on: str,
    posts: Sequence[Post],
    gold: Ids,
    dataset: Dataset,
    negative: int | None,
    parts: Sequence[Readings],
    p_values: Mapping[str, float],
) -> Finding:
    answer, evidence, relation = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("answer", "evidence", "relation")
    )
    scores = score(gold, answer, dataset.relations, negative)
    there = which = None
    positive = np.ones(len(gold), dtype=bool) if negative is None else gold != negative
    if "there" in p_values:
        share = float(positive.mean())
        accuracy = float(((evidence > 0) == positive).mean())
        there = Told(accuracy, max(share, 1 - share), 2 * auc(evidence, positive) - 1, p_values["there"])
    if "which" in p_values:
        accuracy = float((relation == gold)[positive].mean())
        baseline = float(np.bincount(gold[positive]).max() / positive.sum())
        effect = (accuracy - baseline) / (1 - baseline) if baseline < 1 else 0.0
        which = Told(accuracy, baseline, effect, p_values["which"])
    values = len(set(signal.of(posts)))
    return Finding(signal.name, fitted_on, values, scores.accuracy, scores.f1, there, which, signal.content)


def _baseline(gold: Ids, dataset: Dataset, negative: int | None) -> Baseline:
    answer = int(np.bincount(gold).argmax())
    scores = score(gold, np.full(len(gold), answer), dataset.relations, negative)
    return Baseline(dataset.relations[answer], scores.accuracy, scores.f1)


def _corrected(findings: Sequence[Finding]) -> list[Finding]:
    """Correct the p-values of all questions for their number."""
    told = [(place, name) for place in range(len(findings)) for name in ("there", "which")]
    asked = [(place, name, found) for place, name in told if (found := getattr(findings[place], name)) is not None]
    corrected = list(findings)
    for (place, name, found), p_value in zip(asked, holm([found.p_value for *_, found in asked]), strict=True):
        corrected[place] = replace(corrected[place], **{name: replace(found, p_value=p_value)})
    return corrected


def midranks(values: RowScores) -> RowScores:
    """(n,) ranks from 1, equal values in the middle of theirs."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks: RowScores = (ends - (counts - 1) / 2)[places]
    return ranks


def auc(evidence: RowScores, positive: NDArray[np.bool_]) -> float:
    """How often a row with a relation has more evidence than one without; equal evidence counts half."""
    there, absent = int(positive.sum()), int((~positive).sum())
    if not there or not absent:
        return 0.5
    return float((midranks(evidence)[positive].sum() - there * (there + 1) / 2) / (there * absent))
