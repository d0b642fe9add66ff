"""What comes back for a post: an answer, or why there is none."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

_ALWAYS = ("id", "head", "tail", "relation", "probability")
_WHERE_THERE = ("types", "attributions", "protocol", "found")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a run says of one post.

    Args:
        id: Of the post.
        head: Words of the head mention.
        tail: Words of the tail mention.
        relation: The most probable relation.
        probability: Of it.
        probabilities: Of every relation that was asked for, the most probable first.
        types: Entity types of head and tail, where the model predicts any.
        attributions: Where the model looked in the photo, and, where asked for, what masking it changes.
        protocol: What must be said beside the answer, such as that the model was told the types.
        found: Head and tail, each with `span`, `unit` and where it is known `type`, where they were found; None where
            they were given.
    """

    id: str
    head: str
    tail: str
    relation: str
    probability: float
    probabilities: Mapping[str, float]
    types: tuple[str, str] | None = None
    attributions: Mapping[str, Any] | None = None
    protocol: str | None = None
    found: Mapping[str, Any] | None = None

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> "Answer":
        """Make one of a line of `dgf predict`."""
        types = row.get("types")
        return cls(
            **{name: row[name] for name in _ALWAYS},
            probabilities=row["best"],
            types=None if types is None else (types[0], types[1]),
            attributions=row.get("attributions"),
            protocol=row.get("protocol"),
            found=row.get("found"),
        )

    def row(self, top: int | None = None) -> dict[str, Any]:
        """Make the line of `dgf predict`, with `top` relations; None for all."""
        row: dict[str, Any] = {name: getattr(self, name) for name in _ALWAYS}
        row["best"] = dict(islice(self.probabilities.items(), top))
        optional = {name: getattr(self, name) for name in _WHERE_THERE}
        return row | {name: value for name, value in optional.items() if value is not None}


@dataclass(frozen=True, slots=True)
class AnsweredPost:
    """The line of `dgf predict` for a post, and whether its photo was seen."""

    row: dict[str, Any]
    shown: bool


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A post that cannot be answered.

    Args:
        id: Of the post, None where it could not be read.
        error: Why.
        line: Where it stood in a file.
    """

    id: str | None
    error: str
    line: int | None = None

    def row(self) -> dict[str, Any]:
        """Make the line of `dgf predict`."""
        return asdict(self)
