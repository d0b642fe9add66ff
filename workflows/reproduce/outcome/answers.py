"""What rows answer to the same test posts: whether two of them differ, and several pairs of one post side by side."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

import numpy as np
from numpy.typing import NDArray

from dgf.pipeline.posts import Dataset, Post
from dgf.workflows.reproduce.evaluated import SPLIT, evaluation_folder
from dgf.workflows.reproduce.outcome.records import CaseLine, RunLine, TestLine
from dgf.workflows.scoring import compare, group_rows

GivenRelations = Mapping[str, str]
"""Relation by post id."""


@dataclass(frozen=True, slots=True)
class AnsweredLine:
    """A line of `runs.csv` with the answers that it rests on."""

    line: RunLine
    answers: GivenRelations


def read_answers(run: Path) -> GivenRelations:
    """Read the relation that an evaluated run gives each post."""
    text = (evaluation_folder(run) / "predictions.jsonl").read_text(encoding="utf-8")
    rows = map(json.loads, text.splitlines())
    return {row["id"]: row["relation"] for row in rows}


def compare_with_best(lines: Sequence[AnsweredLine], dataset: Dataset) -> Iterator[TestLine]:
    """Compare each row with the best that is no oracle, by mean micro F1, among those that were run alike.

    A rule has no seed: it answers alike in every run. Rows with fewer runs than the best, or that left posts out, are
    not compared.
    """
    posts = [post for post in dataset.splits[SPLIT] if post.relation is not None]
    numbers = {name: number for number, name in enumerate(dataset.relations)}
    gold = np.array([numbers[str(post.relation)] for post in posts], np.int64)
    negative = None if dataset.negative is None else numbers.get(dataset.negative)
    groups = group_rows(posts)
    for varied in dict.fromkeys(entry.line.varied for entry in lines):
        rows: dict[str, list[AnsweredLine]] = defaultdict(list)
        for entry in lines:
            if entry.line.varied == varied:
                rows[entry.line.row].append(entry)
        honest = [name for name, runs in rows.items() if not runs[0].line.oracle]
        if not honest:
            continue
        best = max(honest, key=lambda name: mean(entry.line.figures["f1"] for entry in rows[name]))
        for name, runs in rows.items():
            ours, others = (
                _answered(each, posts, numbers, max(map(len, (runs, rows[best])))) for each in (runs, rows[best])
            )
            if name == best or ours is None or others is None or len(ours) != len(others):
                continue
            found = compare(gold, ours, others, negative, groups)
            p_value = "" if found.p_value is None else repr(found.p_value)
            yield TestLine(name, varied, best, str(found.runs), repr(found.difference), p_value)


def _answered(
    runs: Sequence[AnsweredLine], posts: Sequence[Post], numbers: Mapping[str, int], times: int
) -> list[NDArray[np.int64]] | None:
    """(n,) answers of each run; a rule's as often as asked. None where a post has no answer."""
    if not all(post.id in entry.answers for entry in runs for post in posts):
        return None
    found = [np.array([numbers[entry.answers[post.id]] for post in posts], np.int64) for entry in runs]
    return found * times if not runs[0].line.seed else found


def choose_case(dataset: Dataset) -> list[Post]:
    """The test posts of one sentence and photo that ask for the most relations; the first of equals."""
    groups: dict[object, list[Post]] = defaultdict(list)
    for post in dataset.splits[SPLIT]:
        if post.relation is not None:
            groups[post.tokens, post.image_ids].append(post)

    def asked(posts: list[Post]) -> tuple[int, int]:
        related = [post.relation for post in posts if post.relation != dataset.negative]
        return len(set(related)), len(related)

    return max(groups.values(), key=asked, default=[])


def case_lines(posts: Sequence[Post], lines: Sequence[AnsweredLine]) -> Iterator[CaseLine]:
    """Put the answers of every row to each of some posts beside one another."""
    rows: dict[str, list[GivenRelations]] = defaultdict(list)
    for entry in lines:
        rows[entry.line.row].append(entry.answers)
    for post in posts:
        for name, runs in rows.items():
            given = [answers[post.id] for answers in runs if post.id in answers]
            if given:
                yield CaseLine(
                    sentence=" ".join(post.tokens),
                    photo=post.image_ids[0] if post.image_ids else "",
                    head=post.head.text,
                    tail=post.tail.text,
                    relation=str(post.relation),
                    row=name,
                    answer=Counter(given).most_common(1)[0][0],
                    right=str(given.count(str(post.relation))),
                    runs=str(len(given)),
                )
