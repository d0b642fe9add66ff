"""The finite distribution that posts are drawn from: what is written, what the photo shows, and the relation.

A post belongs to a case. Given its case, sentence, names and scene are drawn without regard to the relation, so that
nothing but the kind of sentence and what the photo shows can tell it.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

from dgf.pipeline.posts import NONE

Decider = Literal["text", "photo", "both", "nothing"]
PhotoRole = Literal["helpful", "irrelevant", "misleading"]


@dataclass(frozen=True, slots=True)
class Case:
    """One way in which a post comes about.

    Args:
        pair: The types of head and tail: a key of `PAIRS`.
        text: The kind of sentence: a key of the grammar.
        shown: What the photo shows: a key of `SHOWS`.
        relation: The label.
        decided_by: What one has to know to tell it.
        photo_role: What the photo does about it.
        exception: Whether the label is None though the evidence speaks for a relation, which no rule can foresee.
        share: Its probability.
    """

    pair: str
    text: str
    shown: str
    relation: str
    decided_by: Decider
    photo_role: PhotoRole
    exception: bool
    share: Fraction


@dataclass(frozen=True, slots=True)
class Pair:
    """Posts about two types of entities.

    Args:
        share: Of all posts.
        open_texts: Kind of sentence that leaves it open -> relation -> what photos show then.
    """

    share: Fraction
    open_texts: Mapping[str, Mapping[str, Sequence[str]]]

    def photos_of(self, relation: str) -> frozenset[str]:
        """Return everything that speaks for a relation between two such entities."""
        return frozenset(name for photos in self.open_texts.values() for name in photos.get(relation, ()))

    @property
    def relations(self) -> tuple[str, ...]:
        """None and the relations that the pair can have."""
        return tuple(dict.fromkeys((NONE, *(name for photos in self.open_texts.values() for name in photos))))


_NONE_SHARE = Fraction(40, 100)  # for any types of entities, so that they alone tell no None
# Of the posts whose sentence leaves the relation open. The probability of each of two others is then about half of the
# best F1 from text alone, so that it matters little to F1 whether one of them is guessed, or None (see `ceilings`):
# without photos a model comes near its ceiling even if it guesses.
_OPEN_NONE = Fraction(34, 100)
_CLEAR = {"irrelevant": Fraction(29, 100), "misleading": Fraction(10, 100), "helpful": Fraction(3, 100)}
# Of all posts, in which nothing tells the relation: a model has to learn that such a photo tells nothing.
_OPEN_IRRELEVANT = Fraction(4, 100)
_EXCEPTIONS = Fraction(4, 100)  # of the posts whose sentence is open and whose evidence speaks for a relation

PAIRS = {
    "per/per": Pair(
        Fraction(31, 100),
        {
            "two people": {
                "/per/per/peer": ("teammates",),
                "/per/per/couple": ("couple",),
                NONE: ("rivals", "passers-by"),
            },
            "old days": {
                "/per/per/peer": ("teammates",),
                "/per/per/siblings": ("birthday",),
                NONE: ("rivals", "passers-by"),
            },
            "loved ones": {
                "/per/per/couple": ("couple",),
                "/per/per/siblings": ("birthday",),
                NONE: ("rivals", "passers-by"),
            },
        },
    ),
    "per/misc": Pair(
        Fraction(22, 100),
        {
            "gala": {
                "/per/misc/awarded": ("winner",),
                "/per/misc/present_in": ("performer", "festival"),
                NONE: ("spectators", "viewer"),
            }
        },
    ),
    "per/loc": Pair(
        Fraction(16, 100),
        {
            "place": {
                "/per/loc/place_of_residence": ("home",),
                "/per/loc/place_of_birth": ("cradle",),
                NONE: ("traveler",),
            }
        },
    ),
    "org/org": Pair(
        Fraction(12, 100),
        {
            "firms": {
                "/org/org/subsidiary": ("headquarters",),
                "/org/org/alternate_names": ("twins",),
                NONE: ("rivals", "onlooker"),
            }
        },
    ),
    "per/org": Pair(
        Fraction(6, 100),
        {"club": {"/per/org/member_of": ("member", "performer", "teammates"), NONE: ("onlooker",)}},
    ),
    "org/loc": Pair(
        Fraction(4, 100),
        {"seat": {"/org/loc/locate_at": ("headquarters", "chart"), NONE: ("traveler", "onlooker")}},
    ),
    "loc/loc": Pair(Fraction(5, 100), {"towns": {"/loc/loc/contain": ("chart",), NONE: ("traveler",)}}),
    "misc/loc": Pair(Fraction(4, 100), {"event": {"/misc/loc/held_on": ("festival",), NONE: ("viewer",)}}),
}


def clear_text(pair: str, relation: str) -> str:
    """Name the kind of sentence that tells a relation, or none, between two types of entities."""
    return f"{pair} {relation.rsplit('/', 1)[-1]}"


def list_cases() -> tuple[Case, ...]:
    """List all cases; their shares add up to one."""
    return tuple(case for name, pair in PAIRS.items() for case in (*_clear_cases(name, pair), *_open_cases(name, pair)))


def draw_cases(cases: Sequence[Case], count: int, rng: random.Random) -> list[Case]:
    """Draw cases in random order, each as often as its share says, but for one more or less."""
    start = Fraction(rng.randrange(10**6), 10**6)
    drawn: list[Case] = []
    seen = Fraction(0)
    for case in cases:
        seen += case.share
        while len(drawn) < count and (len(drawn) + start) / count < seen:
            drawn.append(case)
    rng.shuffle(drawn)
    return drawn


def _open_cases(name: str, pair: Pair) -> list[Case]:
    """Cases in which the sentence fits several relations; how many the photo fits says what decides, if anything."""
    open_share = pair.share * (1 - sum(_CLEAR.values()))
    irrelevant = _OPEN_IRRELEVANT / (1 - sum(_CLEAR.values()))
    cases: list[Case] = []
    for text, photos_of in pair.open_texts.items():
        for relation, photos in photos_of.items():
            among = _OPEN_NONE if relation == NONE else (1 - _OPEN_NONE) / (len(photos_of) - 1)
            share = open_share / len(pair.open_texts) * among
            for shown in photos:
                decided_by: Decider = "both" if len(_fitting(shown)) > 1 else "photo"
                helpful = share * (1 - irrelevant) / len(photos)
                cases += _with_exceptions(Case(name, text, shown, relation, decided_by, "helpful", False, helpful))
            unseen = Case(name, text, "clutter", relation, "nothing", "irrelevant", False, share * irrelevant)
            cases += _with_exceptions(unseen)
    return cases


def _with_exceptions(case: Case) -> list[Case]:
    """Take the exceptions from a case of an open sentence, which a post without a relation has none of."""
    if case.relation == NONE:
        return [case]
    usual = replace(case, share=case.share * (1 - _EXCEPTIONS))
    return [usual, replace(case, relation=NONE, exception=True, share=case.share * _EXCEPTIONS)]


def _clear_cases(name: str, pair: Pair) -> list[Case]:
    """Cases in which the sentence tells the relation, whatever the photo shows."""
    clear = pair.share * sum(_CLEAR.values())
    none = pair.share * _NONE_SHARE - (pair.share - clear) * _OPEN_NONE
    cases = []
    for relation in pair.relations:
        share = none if relation == NONE else (clear - none) / (len(pair.relations) - 1)
        right = pair.photos_of(relation)
        wrong = frozenset().union(*(pair.photos_of(other) for other in pair.relations)) - right
        photos: dict[PhotoRole, Sequence[str]] = {
            "irrelevant": ("clutter",),
            "misleading": sorted(wrong),
            "helpful": sorted(right),
        }
        for role, shows in photos.items():
            for shown in shows:
                part = share * _CLEAR[role] / sum(_CLEAR.values()) / len(shows)
                cases.append(Case(name, clear_text(name, relation), shown, relation, "text", role, False, part))
    return cases


def _fitting(shown: str) -> frozenset[str]:
    """Return the relations that something shown can speak for, over all types of entities."""
    return frozenset(
        relation for pair in PAIRS.values() for relation in pair.relations if shown in pair.photos_of(relation)
    )
