"""Test splits of MNRE's shape, and answers of trained systems to them, drawn from a known process.

Rows of one sentence hang together in three ways: their relations are alike more often than chance has it (65% of the
pairs of MNRE's test rows), a sentence is easy or hard as a whole, and a run may get a whole sentence right or wrong.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SENTENCES = 914
"""Of MNRE's test split, with 1.77 rows each on the mean."""

ROWS_OF_A_SENTENCE = {1: 660, 2: 1, 3: 199, 6: 49, 10: 4, 21: 1}
"""How many sentences of MNRE's test split have so many rows."""

TRAINING_ROWS = (
    7744, 960, 872, 629, 427, 316, 231, 192, 152, 146, 115, 98, 81, 78, 69, 57, 24, 14, 14, 8, 8, 6, 6,
)  # fmt: skip
"""Of MNRE's relations, `None` first: the shares they are drawn by."""

RELATIONS = ("None", *(f"relation-{number}" for number in range(1, len(TRAINING_ROWS))))

_COPIED = 0.62
_MISSED = 0.55
_SHARES = np.array(TRAINING_ROWS) / sum(TRAINING_ROWS)
_POSITIVE_SHARES = _SHARES[1:] / _SHARES[1:].sum()

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class SimulatedSplit:
    """n rows.

    Args:
        gold: (n,) relation ids; 0 is `None`.
        sentences: (n,) which sentence a row is of.
        ease: (n,) how easy a row is, for every run alike.
        confused: (n,) what is usually said by who gets the row wrong.
    """

    gold: Ints
    sentences: Ints
    ease: NDArray[np.float64]
    confused: Ints


def draw_split(generator: np.random.Generator, sentences: int = SENTENCES, hardness: float = 1.0) -> SimulatedSplit:
    """Draw a split; with a larger `hardness`, chance decides less of what a run answers and the row more."""
    sizes, weights = list(ROWS_OF_A_SENTENCE), np.array(list(ROWS_OF_A_SENTENCE.values()))
    of = np.repeat(np.arange(sentences), generator.choice(sizes, sentences, p=weights / weights.sum()))
    rows, relations = len(of), len(TRAINING_ROWS)
    shared = generator.choice(relations, sentences, p=_SHARES)[of]
    gold = np.where(generator.random(rows) < _COPIED, shared, generator.choice(relations, rows, p=_SHARES))
    skill = np.array([2.0, *np.linspace(1.2, -1.0, relations - 1)])[gold]
    ease = skill + generator.normal(size=sentences)[of] + generator.normal(size=rows)
    missed = (gold > 0) & (generator.random(rows) < _MISSED)
    return SimulatedSplit(gold, of, hardness * ease, np.where(missed, 0, _relations(generator, rows)))


def draw_answers(
    generator: np.random.Generator,
    split: SimulatedSplit,
    *,
    skill: float = 0.0,
    caution: float = 0.0,
    moods: float = 0.0,
    taste: NDArray[np.float64] | float = 0.0,
) -> Ints:
    """Draw the answers of one run, (n,).

    Args:
        generator: Of this run's chance.
        split: What it is asked.
        skill: Of the run: adds to the ease of every row.
        caution: Of the run: how much rather it says `None`.
        moods: Deviation of what the run adds to the ease of each sentence.
        taste: (n,) what the run's system adds to the ease of rows.
    """
    mood = moods * generator.normal(size=split.sentences.max() + 1)[split.sentences]
    ease = split.ease + skill + mood + taste + np.where(split.gold == 0, caution, -caution)
    right = generator.random(len(ease)) < 1 / (1 + np.exp(-ease))
    usual = generator.random(len(ease)) < 0.9
    wrong = np.where(usual, split.confused, _relations(generator, len(ease)))
    return np.asarray(np.where(right, split.gold, wrong), np.int64)


def _relations(generator: np.random.Generator, rows: int) -> Ints:
    """Draw relations other than `None` by their shares."""
    return np.asarray(1 + generator.choice(len(_POSITIVE_SHARES), rows, p=_POSITIVE_SHARES), np.int64)
