"""What is learned of one signal alone: the relations that go with each of its values, or with each of its words."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]
RowScores = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Readings:
    """What a rule makes of n rows.

    Args:
        answer: (n,) relation ids, the negative one among them.
        evidence: (n,) larger where the rule rather sees a relation; more than 0 where it says that there is one.
        relation: (n,) relation ids, the best where it is known that there is a relation.
    """

    answer: Ids
    evidence: RowScores
    relation: Ids


class SignalRule(Protocol):
    """A signal's values, read after others were seen with their relations."""

    def read(self, values: Sequence[object]) -> Readings:
        """Read rows by their values alone."""
        ...


class LookupRule:
    """The most frequent relation of each value; of a value that was not seen, that of all rows."""

    def __init__(self, values: Sequence[object], gold: Ids, relations: int, negative: int | None) -> None:
        self._places = {value: place for place, value in enumerate(dict.fromkeys(values))}
        counts = np.zeros((len(self._places) + 1, relations))  # the last row answers for values that were not seen
        np.add.at(counts, (np.array([self._places[value] for value in values], dtype=np.int64), gold), 1)
        counts += counts.sum(0) / counts.sum()  # a row more of each, spread as all rows are: decides ties and the rest
        positive = np.delete(counts, negative, 1).sum(1) if negative is not None else counts.sum(1)
        self._answer = counts.argmax(1)
        self._evidence: RowScores = np.log(positive + 1e-9) - np.log(counts.sum(1) - positive + 1e-9)
        self._relation = without(counts, negative).argmax(1)

    def read(self, values: Sequence[object]) -> Readings:
        """Look each value up."""
        places = np.array([self._places.get(value, -1) for value in values], dtype=np.int64)
        return Readings(self._answer[places], self._evidence[places], self._relation[places])


class WordRule:
    """Naive Bayes over which words a row has; each value is a set of words."""

    def __init__(self, values: Sequence[object], gold: Ids, relations: int, negative: int | None) -> None:
        rows = [_words(value) for value in values]
        seen: dict[str, int] = {}
        for row in rows:
            for word in row:
                seen[word] = seen.get(word, 0) + 1
        self._places: Mapping[str, int] = {
            word: place for place, word in enumerate(sorted(word for word, rows_of in seen.items() if rows_of > 1))
        }
        self._negative = negative
        counts = np.zeros((len(self._places), relations))
        for row, relation in zip(rows, gold.tolist(), strict=True):
            counts[[self._places[word] for word in row if word in self._places], relation] += 1
        self._prior = np.log(np.bincount(gold, minlength=relations) + 1e-9)
        self._weights = _smoothed(counts)  # (V, R)
        self._two_prior, self._two_weights = self._prior, self._weights
        if negative is not None:  # a rule of its own tells the negative one from all others together
            two = np.stack([counts[:, negative], np.delete(counts, negative, 1).sum(1)], 1)
            rows_of = np.array([(gold == negative).sum(), (gold != negative).sum()])
            self._two_prior, self._two_weights = np.log(rows_of + 1e-9), _smoothed(two)

    def read(self, values: Sequence[object]) -> Readings:
        """Add up what the words of each row say."""
        places = [[self._places[word] for word in sorted(_words(value)) if word in self._places] for value in values]
        scores = np.stack([self._prior + self._weights[row].sum(0) for row in places])
        evidence = np.zeros(len(places))
        if self._negative is not None:
            two = np.stack([self._two_prior + self._two_weights[row].sum(0) for row in places])
            evidence = two[:, 1] - two[:, 0]
        return Readings(scores.argmax(1), evidence, without(scores, self._negative).argmax(1))


def without(scores: RowScores, negative: int | None) -> RowScores:
    """Return (n, R) scores in which the negative relation is never the largest."""
    if negative is None:
        return scores
    scores = scores.copy()
    scores[:, negative] = -np.inf
    return scores


def _smoothed(counts: RowScores) -> RowScores:
    """Log-probability of each word where there is a relation: (V, R), one more of each."""
    weights: RowScores = np.log(counts + 1) - np.log(counts.sum(0) + len(counts))
    return weights


def _words(value: object) -> AbstractSet[str]:
    return value if isinstance(value, frozenset) else frozenset()
