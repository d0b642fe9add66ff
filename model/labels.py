"""The relations, the entity types their names carry, and which types allow which relation (section 4.3)."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from dgf.model.errors import ModelError

NO_RELATION = "None"


def _types_in(relation: str) -> tuple[str, str] | None:
    """Return `("per", "org")` for `/per/org/member_of`; None for a name of any other form."""
    parts = relation.split("/")
    if len(parts) == 4 and not parts[0] and all(parts[1:]):
        return parts[1], parts[2]
    return None


@dataclass(frozen=True)
class LabelSpace:
    """Names in id order; made by `from_relations`.

    Args:
        relations: Every relation; its index is its id.
        none: Id of the relation that means "no relation", or None where every relation counts.
        types: Entity types found in the relations' names, or given; empty where there are none.
    """

    relations: tuple[str, ...]
    none: int | None
    types: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.relations:
            raise ModelError("there are no relations: give at least one name")
        doubled = sorted({name for name in self.relations if self.relations.count(name) > 1})
        if doubled:
            raise ModelError(f"relations named twice: {', '.join(doubled)}; each name has one id")

    @classmethod
    def from_relations(
        cls, relations: Iterable[str], extra_types: Iterable[str] = (), negative: str | None = NO_RELATION
    ) -> "LabelSpace":
        """Read the entity types out of names such as `/per/org/member_of`.

        Args:
            relations: Names in id order.
            extra_types: Further entity types, for instance those of a type file.
            negative: The relation that means "no relation", where it is among them; None where every relation counts.
        """
        names = tuple(relations)
        found = {kind for name in names for kind in _types_in(name) or ()}
        none = names.index(negative) if negative in names else None
        return cls(names, none, tuple(sorted(found | set(extra_types))))

    @property
    def negative(self) -> str | None:
        """Name of the relation that means "no relation"."""
        return None if self.none is None else self.relations[self.none]

    def types_of(self, relation: str | int) -> tuple[str, str] | None:
        """Return head type and tail type in a relation's name; None where the name has none.

        Reading them for a row that is being predicted would hand over the answer: see `entity_types: gold`.
        """
        return _types_in(self.relations[relation] if isinstance(relation, int) else relation)

    def relation_id(self, name: str | None) -> int:
        """Return the index of a relation, -1 for None and for a name that is not a relation here."""
        return self.relations.index(name) if name in self.relations else -1

    def type_id(self, name: str | None) -> int:
        """Return the index of a type, -1 for None and for a name that is not a type here."""
        return self.types.index(name) if name in self.types else -1

    def type_targets(self, relations: Tensor) -> Tensor:
        """Look up what the type heads learn, of training rows only: (B,) relation ids -> (B, 2); -1 is unknown."""
        table = torch.full((len(self.relations) + 1, 2), -1, dtype=torch.int64, device=relations.device)
        for index, head, tail in self._typed():
            table[index] = torch.tensor([head, tail])
        return table[relations]  # the last row answers to -1

    def allowed(self) -> Tensor:
        """Tabulate (T, T, R) bool: may a head of type i and a tail of type j stand in relation r?

        "None" and relations whose name carries no types are always allowed.
        """
        count = len(self.types)
        table = torch.ones(count, count, len(self.relations), dtype=torch.bool)
        for index, head, tail in self._typed():
            table[:, :, index] = False
            table[head, tail, index] = True
        return table

    def _typed(self) -> list[tuple[int, int, int]]:
        """List the ids of each relation whose name carries types, of its head's and of its tail's."""
        pairs = [(index, self.types_of(index)) for index in range(len(self.relations))]
        return [(index, self.type_id(pair[0]), self.type_id(pair[1])) for index, pair in pairs if pair is not None]
