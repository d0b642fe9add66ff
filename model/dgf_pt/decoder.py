"""The generative decoder with entity types (section 4.3, eq. 9) and the relation's distribution (eq. 13)."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from dgf.model.backbone import Backbone
from dgf.model.dgf_pt.config import ModelConfig
from dgf.model.dgf_pt.encoder import EncodedStages, extend
from dgf.model.dgf_pt.inputs import identity, word_vectors
from dgf.model.labels import LabelSpace
from dgf.model.language_models import LanguageModel
from dgf.model.pooling import normalized

#: What is left of a relation's probability where the types rule it out entirely.
LEFT = 1e-4

#: The words that type names abbreviate.
_TYPE_WORDS = {"per": "person", "org": "organization", "loc": "location", "misc": "miscellaneous"}


@dataclass
class Branch:
    """One reading of the text, fused or not, that the decoder continues from.

    Args:
        entities: (B, 2, N) means of the text states over head and tail.
        sentence: (B, N) their mean over the sentence.
        image: (B, N) pooled image states, zero where a row has none, or None.
    """

    entities: Tensor
    sentence: Tensor
    image: Tensor | None


@dataclass
class DecodedRelations:
    """(B, R) log-probabilities of the relations, and (B, 2, T) of head and tail type where they are predicted."""

    relations: Tensor
    types: Tensor | None


def restriction(types: Tensor, allowed: Tensor) -> Tensor:
    """Return the log-probability that the predicted types allow each relation: (B, 2, T), (T, T, R) -> (B, R).

    It is never below log(LEFT), and 0 for relations that every pair allows; types of which none is known restrict
    none, since they leave every relation the same.
    """
    chance = torch.einsum("bi,bj,ijr->br", types[:, 0], types[:, 1], allowed.to(types.dtype))
    return (chance.clamp(0, 1) * (1 - LEFT) + LEFT).log()


class GenerativeDecoder(nn.Module):
    """Continue from the text's cache with entities, sentence, types and a relation query.

    The positions are: entity 1, entity 2, sentence; head type, tail type, relation. The type heads read each entity's
    state beside the decoder's at its position, for which the first three are read in a pass before; with
    `types_from: text` beside the sentence's, and all six are read in one. What they predict is fed, as the expectation
    over the types' vectors, at the type positions. Branches are decoded side by side and do not see one another.
    """

    allowed: Tensor
    scale: Tensor

    def __init__(
        self, config: ModelConfig, labels: LabelSpace, language_model: LanguageModel, scale: float, *, image: bool
    ) -> None:
        super().__init__()
        width = language_model.width
        count = len(labels.types)
        self.register_buffer("scale", torch.tensor(scale))  # saved: it is that of the weights at the start
        self.mode = config.entity_types if count else "none"
        self.restrict = self.mode != "none" and config.type_restriction == "soft"
        self.types_from = config.types_from
        self.feed = identity(width)
        mask_token = getattr(language_model.tokenizer, "mask_token_id", None)
        asked = (mask_token,) if mask_token is not None else tuple(language_model.words(" relation")[:1])
        self.query = nn.Parameter(word_vectors(language_model, asked or (-1,), scale)[0])
        if self.mode != "none":
            names = [language_model.words(" " + _TYPE_WORDS.get(name, name)) for name in labels.types]
            vectors = [word_vectors(language_model, tuple(ids) or (-1,), scale).mean(0) for ids in names]
            unknown = [word_vectors(language_model, (-1,), scale)[0]] if self.mode == "gold" else []
            self.type_vectors = nn.Parameter(torch.stack(vectors + unknown))  # (T, N), + 1 for gold's unknown
            if self.mode != "gold":
                self.type_head = nn.Linear(2 * width, count)
        self.register_buffer("allowed", labels.allowed(), persistent=False)
        self.dropout = nn.Dropout(config.dropout)
        self.classify = nn.Linear(3 * width, len(labels.relations))
        self.classify_image: nn.Linear | None = None
        if image:
            self.classify_image = nn.Linear(width, len(labels.relations), bias=False)
            nn.init.zeros_(self.classify_image.weight)  # an image tells nothing before it has taught something

    def forward(
        self, backbone: Backbone, context: EncodedStages, branches: list[Branch], given: Tensor | None
    ) -> list[DecodedRelations]:
        """Decode each branch (eq. 9).

        Args:
            backbone: The language model.
            context: What it has read, S3; gains the decoder's positions.
            branches: The readings of the text.
            given: (B, 2) int64 types for `file` and `gold`, -1 unknown; not read otherwise.
        """
        count = len(branches)
        entities = torch.stack([branch.entities for branch in branches], 1)  # (B, F, 2, N)
        sentences = torch.stack([branch.sentence for branch in branches], 1)  # (B, F, N)
        fed = torch.cat([entities, sentences.unsqueeze(2)], 2)
        fed = self.feed(normalized(fed) * self.scale)  # (B, F, 3, N)
        rows, width = fed.shape[0], fed.shape[-1]
        query = self.query.expand(rows, count, 1, width)
        types: Tensor | None = None  # (B, F, 2, T), probabilities
        log_types: Tensor | None = None
        if self.mode != "none":
            about = sentences.unsqueeze(2).expand(-1, -1, 2, -1)  # (B, F, 2, N)
            if self.mode != "gold" and self.types_from == "decoder":
                about, fed = extend(backbone, context, fed)[:, :, :2], fed[:, :, :0]
            if self.mode != "gold":
                both = torch.cat([normalized(about), normalized(entities)], -1)  # (B, F, 2, 2N)
                log_types = self.type_head(self._drop(both)).float().log_softmax(-1)
            types = self._types(log_types, given, rows, count)
            fed = torch.cat([fed, types.to(query.dtype) @ self.type_vectors], 2)
        states = extend(backbone, context, torch.cat([fed, query], 2))
        features = torch.cat([states[:, :, -1:], entities], 2)  # (B, F, 3, N), r first
        all_scores = self.classify(self._drop(normalized(features).flatten(2)))  # (B, F, R)
        decoded = []
        for index, branch in enumerate(branches):
            scores = all_scores[:, index]
            if branch.image is not None and self.classify_image is not None:
                scores = scores + self.classify_image(self.dropout(normalized(branch.image)))
            log_probs = scores.float().log_softmax(-1)
            if self.restrict and types is not None:
                known = types[:, index, :, : len(self.allowed)].detach()  # which teaches the type heads nothing
                log_probs = (log_probs + restriction(known, self.allowed)).log_softmax(-1)
            decoded.append(DecodedRelations(log_probs, None if log_types is None else log_types[:, index]))
        return decoded

    def _drop(self, features: Tensor) -> Tensor:
        """Drop out (B, F, ...) alike in every branch, so that eq. 10 compares what fusion changed and not noise."""
        kept: Tensor = self.dropout(torch.ones_like(features[:, :1]))
        return features * kept

    def _types(self, log_types: Tensor | None, given: Tensor | None, rows: int, count: int) -> Tensor:
        """Return (B, F, 2, T or T + 1) the probabilities of the types that are fed and that restrict."""
        size = len(self.type_vectors)
        if log_types is None:  # gold: the last vector stands for unknown
            if given is None:
                given = torch.full((rows, 2), -1, device=self.type_vectors.device)
            chosen = torch.where(given < 0, size - 1, given)
            return _one_hot(chosen, size, self.type_vectors.dtype).unsqueeze(1).expand(-1, count, -1, -1)
        types = log_types.exp()
        if self.mode == "file" and given is not None:
            fixed = _one_hot(given, size, types.dtype).unsqueeze(1)
            types = torch.where((given >= 0)[:, None, :, None], fixed, types)
        return types


def _one_hot(chosen: Tensor, size: int, dtype: torch.dtype) -> Tensor:
    """Return (..., size) ones at the chosen numbers; torch's own waits for the device to check them."""
    return (chosen.unsqueeze(-1) == torch.arange(size, device=chosen.device)).to(dtype)
