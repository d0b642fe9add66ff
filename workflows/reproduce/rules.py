"""Rules without a model, learned from the training rows, that show what figures are worth."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dgf.pipeline.posts import Dataset, Post
from dgf.workflows.audit.rules import LookupRule, WordRule
from dgf.workflows.audit.signals import NOTHING, types_of_labels
from dgf.workflows.reproduce.experiments import RULES
from dgf.workflows.scoring import Scores, score


@dataclass(frozen=True, slots=True)
class RuleAnswers:
    """What a rule makes of the test rows that have a relation.

    Args:
        answers: Relation by post id.
        scores: The figures.
        protocol: What must stand beside them.
        oracle: Whether it reads labels.
    """

    answers: Mapping[str, str]
    scores: Scores
    protocol: str
    oracle: bool


def answer_by_rule(rule: str, dataset: Dataset) -> RuleAnswers:
    """Learn a rule from the training rows and answer the test rows by it."""
    train, test = ([post for post in dataset.splits[name] if post.relation is not None] for name in ("train", "test"))
    relations = list(dataset.relations)
    numbers = {name: number for number, name in enumerate(relations)}
    negative = None if dataset.negative is None else numbers.get(dataset.negative)
    gold, learned = (_relation_ids(posts, numbers) for posts in (test, train))
    oracle, maker = rule == "gold-types", WordRule if rule == "words" else LookupRule
    types = types_of_labels(dataset) if oracle else {}

    def read(post: Post) -> object:
        return {
            "majority": NOTHING,
            "words": frozenset(word.casefold() for word in post.tokens),
            "gold-types": types.get(post.id, NOTHING),
        }[rule]

    found = maker([read(post) for post in train], learned, len(relations), negative).read([read(post) for post in test])
    counts = dict(zip(relations, np.bincount(learned, minlength=len(relations)).tolist(), strict=True))
    return RuleAnswers(
        answers={post.id: relations[answer] for post, answer in zip(test, found.answer.tolist(), strict=True)},
        scores=score(gold, found.answer, relations, negative, counts),
        protocol=("oracle-types (leaks the label); " if oracle else "") + f"no model: {RULES[rule]}",
        oracle=oracle,
    )


def _relation_ids(posts: list[Post], numbers: Mapping[str, int]) -> NDArray[np.int64]:
    return np.array([numbers[str(post.relation)] for post in posts], np.int64)
