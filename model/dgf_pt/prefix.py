"""The object- and the entity-oriented prefix (section 4.1.2), in the first layer and in all."""

import math

import torch
from torch import Tensor, nn

from dgf.model.language_model import LanguageModel
from dgf.model.pooling import cosines, masked_softmax


def word_vectors(language_model: LanguageModel, ids: tuple[int, ...], scale: float) -> Tensor:
    """Return (len(ids), N) the embeddings of the words, or random vectors of their scale where an id is -1."""
    table = language_model.embeddings.detach()
    known = torch.tensor(ids, dtype=torch.int64)
    drawn = torch.randn(len(ids), table.shape[1]) * scale
    return torch.where((known >= 0).unsqueeze(1), table[known.clamp(min=0)].cpu(), drawn)


class Relevance(nn.Module):
    """Which objects an entity is about: softmax over the cosines of T[e] and O_k, with a learned temperature.

    It reads nothing but the entities' words and the objects' features, never the label.
    """

    def __init__(self, temperature: float) -> None:
        super().__init__()
        self.log_temperature = nn.Parameter(torch.tensor(math.log(temperature)))

    def forward(self, entities: Tensor, objects: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return the objects of each entity, (B, 2, N), and their weights, (B, 2, K); zeros where there are none."""
        scores = cosines(entities, objects) / self.log_temperature.exp()
        weights = masked_softmax(scores, mask.unsqueeze(1))
        return weights @ objects.masked_fill(~mask.unsqueeze(2), 0), weights


class Prefix(nn.Module):
    """One prefix: trainable vectors for the words of its pattern, with slots that each row fills.

    `deep` gives the prefix's positions trainable vectors of their own in every layer, from a small table through
    tanh and a linear layer. They are added to the position's state as updated by the layer before (eq. 1's
    P*), in units of that state's size, so that they mean the same in every architecture and layer.

    Args:
        before: (P1, N) start of the vectors before the first slot.
        between: (P2, N) start of those between the two slots; empty in the object-oriented pattern.
        after: (P3, N) start of those after the second slot.
        slots: Whether the two slots are there; without photos the object-oriented prefix has none.
        layers: Layers of the language model.
        hidden: Width of the table; 0 for `input`.
    """

    def __init__(
        self, before: Tensor, between: Tensor, after: Tensor, *, slots: bool, layers: int, hidden: int
    ) -> None:
        super().__init__()
        self.before = nn.Parameter(before.clone())
        self.between = nn.Parameter(between.clone()) if len(between) else None
        self.after = nn.Parameter(after.clone())
        self.slots = slots
        self.length = len(before) + len(between) + len(after) + 2 * slots
        self.table: nn.Parameter | None = None
        if hidden and layers > 1:
            width = before.shape[1]
            self.table = nn.Parameter(torch.randn(self.length, hidden))
            self.deepen = nn.Linear(hidden, (layers - 1) * width)
            nn.init.normal_(self.deepen.weight, std=1e-3)
            nn.init.zeros_(self.deepen.bias)

    def forward(self, filling: Tensor | None, valid: Tensor, rows: int) -> tuple[Tensor, Tensor]:
        """Make the prefix of each row.

        Args:
            filling: (B, 2, N) what stands in the slots; None where no row has any, which leaves them out.
            valid: (B,) bool, which rows have their slots filled.
            rows: B.

        Returns:
            (B, P, N) input vectors, and (B, P) bool which of them are there.
        """
        there = valid.new_ones(rows, 1)
        vectors = [self.before.expand(rows, -1, -1)]
        masks = [there.expand(-1, len(self.before))]
        for slot in range(2 if self.slots else 0):
            if filling is not None:
                vectors.append(filling[:, slot : slot + 1])
                masks.append(valid.unsqueeze(1))
            if slot == 0 and self.between is not None:
                vectors.append(self.between.expand(rows, -1, -1))
                masks.append(there.expand(-1, len(self.between)))
        vectors.append(self.after.expand(rows, -1, -1))
        masks.append(there.expand(-1, len(self.after)))
        return torch.cat(vectors, 1), torch.cat(masks, 1)

    def deep(self, filled: bool) -> Tensor | None:
        """Make (layers - 1, P, N) vectors of the layers after the first; None with `input`."""
        if self.table is None:
            return None
        table: Tensor = self.table
        if self.slots and not filled:
            middle = 0 if self.between is None else len(self.between)
            first = len(self.before)
            table = torch.cat([table[:first], table[first + 1 : first + 1 + middle], table[first + middle + 2 :]])
        deepened: Tensor = self.deepen(table.tanh())  # (P, (layers - 1) * N)
        return deepened.reshape(len(table), -1, self.before.shape[1]).transpose(0, 1)


def object_prefix(
    language_model: LanguageModel, extra: int, scale: float, *, slots: bool, layers: int, hidden: int
) -> Prefix:
    """Make P_o, "Consider <objects>, predict relation.", with o_e1 and o_e2 for the objects."""
    pattern = language_model.pattern
    return Prefix(
        word_vectors(language_model, (-1,) * extra + pattern["consider"], scale),
        word_vectors(language_model, (), scale),
        word_vectors(language_model, pattern["predict"], scale),
        slots=slots,
        layers=layers,
        hidden=hidden,
    )


def entity_prefix(language_model: LanguageModel, extra: int, scale: float, *, layers: int, hidden: int) -> Prefix:
    """Make P_e, "Consider <e1, e2>, predict relation.", with T[e1] and T[e2] for the entities."""
    pattern = language_model.pattern
    return Prefix(
        word_vectors(language_model, (-1,) * extra + pattern["consider"], scale),
        word_vectors(language_model, pattern["comma"], scale),
        word_vectors(language_model, pattern["predict"], scale),
        slots=True,
        layers=layers,
        hidden=hidden,
    )
