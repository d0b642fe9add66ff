"""What the encoder reads: the initial representations T, O and I (4.1.1), and the two prefixes (4.1.2)."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dgf.model.backbone import Backbone
from dgf.model.dgf_pt.config import ModelConfig
from dgf.model.language_models import LanguageModel
from dgf.model.pooling import cosines, masked_softmax, normalized


def identity(width: int) -> nn.Linear:
    """Make a linear layer that starts as the identity."""
    layer = nn.Linear(width, width)
    nn.init.eye_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


class TextInput(nn.Module):
    """T: static word embeddings through a linear layer that starts as the identity; marker tokens beside them."""

    def __init__(self, width: int, scale: float, markers: bool) -> None:
        super().__init__()
        self.fc = identity(width)
        self.markers = nn.Parameter(torch.randn(4, width) * scale) if markers else None

    def forward(self, tokens: Tensor, backbone: Backbone) -> Tensor:
        """Embed (B, L) ids -> (B, L, N). Ids from `vocab_size` on are markers."""
        size = backbone.vocab_size
        embedded = backbone.embed(tokens.clamp(max=size - 1))
        if self.markers is not None:
            # an index would do the same, but its gradient does not repeat on several threads
            marked = F.embedding((tokens - size).clamp(0, 3), self.markers)
            embedded = torch.where((tokens >= size).unsqueeze(-1), marked, embedded)
        fed: Tensor = self.fc(embedded)
        return fed


class VisualInput(nn.Module):
    """O or I: features, each normalized, through a fully connected layer that starts at the embeddings' scale.

    Args:
        size: D, the features' dimension.
        width: N.
        scale: Standard deviation of the word embeddings.
        parts: Vectors each feature is turned into: 1, or M for fc7.
    """

    def __init__(self, size: int, width: int, scale: float, parts: int = 1) -> None:
        super().__init__()
        self.fc = nn.Linear(size, parts * width)
        self.parts = parts
        nn.init.normal_(self.fc.weight, std=scale * size**-0.5)
        nn.init.zeros_(self.fc.bias)

    def forward(self, features: Tensor) -> Tensor:
        """Project (B, S, D) -> (B, S * parts, N)."""
        features = features.to(self.fc.weight.dtype)  # shards hold float16
        fed: Tensor = self.fc(normalized(features))
        return fed.reshape(len(fed), features.shape[1] * self.parts, -1)


def place_objects(text: Tensor, at: Tensor, which: Tensor, objects: Tensor, there: Tensor) -> Tensor:
    """Put the vector of an object of the photo in the place of the words that stand for it.

    Args:
        text: (B, L, N) embedded words.
        at: (B, 2, L) bool, the words of head and tail, without their markers.
        which: (B, 2) int64, which of the objects head and tail are; -1 for one that is words.
        objects: (B, K, N).
        there: (B, K) bool, which objects there are; one that is not there leaves the words.

    Returns:
        (B, L, N)
    """
    number = which.clamp(min=0)
    chosen = objects.gather(1, number.unsqueeze(2).expand(-1, -1, objects.shape[2]))  # (B, 2, N)
    at = at & ((which >= 0) & there.gather(1, number)).unsqueeze(2)
    for mention in range(2):
        text = torch.where(at[:, mention].unsqueeze(2), chosen[:, mention].unsqueeze(1), text)
    return text


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
        language_model: Its embeddings of the pattern's words are where the vectors start.
        between: Token ids of the words between the two slots; empty in the object-oriented pattern.
        config: Reads the prefix's length, depth and width of the table.
        scale: Standard deviation of the word embeddings.
        slots: Whether the two slots are there; without photos the object-oriented prefix has none.
    """

    def __init__(
        self, language_model: LanguageModel, between: tuple[int, ...], config: ModelConfig, scale: float, *, slots: bool
    ) -> None:
        super().__init__()
        words, layers = language_model.pattern, int(language_model.model.config.num_hidden_layers)
        patterns = ((-1,) * config.prefix_length + words["consider"], between, words["predict"])
        before, middle, after = (word_vectors(language_model, ids, scale) for ids in patterns)  # (P, N) each
        self.before = nn.Parameter(before)
        self.between = nn.Parameter(middle) if between else None
        self.after = nn.Parameter(after)
        self.slots = slots
        self.table: nn.Parameter | None = None
        if config.prefix_depth == "deep" and layers > 1:
            length = len(before) + len(middle) + len(after) + 2 * slots
            self.table = nn.Parameter(torch.randn(length, config.prefix_hidden))
            self.deepen = nn.Linear(config.prefix_hidden, (layers - 1) * language_model.width)
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
