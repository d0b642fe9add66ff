"""MEGA: an entity-start BERT beside objects that are aligned with the words, by meaning and by the structure of graphs.

With H = BERT's states of all M places, x = [h_head; h_tail], (2 N), T = W_t H, (M, 2 N), and O = W_o objects, (K, 2 N),

- by meaning:    S = sigmoid(softmax(W_q O (W_k T)' / sqrt(2 N)) W_v T), (K, 2 N)
- by structure:  R = A T, of the structural weights A, (K, M), which `Batch.alignment` brings
- together:      u = sum_k W_1 [S_k; R_k],  logits = V drop(W_2 [x; u])

and every W has a bias. All K objects are summed up: of those that a photo lacks, and of a row without a photo, the
features are zeros, as the public loader makes them, so that their O is the bias of W_o. A row without any object has
no structural weights either. Two more layers of the public code, which nothing reads, are left out. Where the public
code does other than it seems to mean, `MegaConfig` has a key.
"""

import math
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dgf.model.attention import Memory
from dgf.model.baselines.configs import MegaConfig
from dgf.model.baselines.mtb import MARKERS
from dgf.model.baselines.output import PairScores, ParameterGroups, cross_entropy, group_parameters, score_logits
from dgf.model.baselines.sentence import SentenceEncoder, states_at_starts
from dgf.model.batch import Batch
from dgf.model.errors import ModelError
from dgf.model.interface import Attributions
from dgf.model.labels import LabelSpace
from dgf.model.language_models import LanguageModel


class Mega(nn.Module):
    """The whole network.

    Args:
        config: Its keys.
        labels: The relations.
        language_model: Trained as a whole.
        object_dim: D of the objects' features; 0 where no objects will ever come.
        block_shape: Not read.

    Raises:
        ModelError: The language model reads fewer places than the configuration has.
    """

    def __init__(
        self,
        config: MegaConfig,
        labels: LabelSpace,
        language_model: LanguageModel,
        object_dim: int = 0,
        block_shape: tuple[int, int] | None = None,
    ) -> None:
        super().__init__()
        self.config, self.labels, self.language_model = config, labels, language_model
        self.object_dim, self.block_shape = object_dim, block_shape
        width = 2 * language_model.width
        with torch.random.fork_rng(devices=[]):  # the new weights depend on the key alone
            torch.manual_seed(config.seed)
            self.sentence = SentenceEncoder(language_model, MARKERS)
            self.alignment = DualAlignment(language_model.width, object_dim)
            self.final_merge = nn.Linear(2 * width, width)
            self.classifier = nn.Linear(width, len(labels.relations))
        self.dropout = nn.Dropout(config.dropout)
        self.padding = int(getattr(language_model.tokenizer, "pad_token_id", None) or 0)
        longest = self.sentence.backbone.longest
        if longest and config.places > longest:
            kind = self.sentence.backbone.kind
            raise ModelError(f"this {kind} reads {longest} tokens; set model.places and data.max_length to {longest}")

    def forward(self, batch: Batch) -> PairScores:
        """Score every relation for every row, (B, R)."""
        tokens, mask = self._fill_places(batch)  # (B, M)
        states = self._read_places(tokens, mask)  # (B, M, N)
        objects = self._fill_objects(batch)  # (B, K, D)
        kept = mask if self.config.mask_padding else torch.ones_like(mask)
        aligned, attention = self.alignment(states, kept, objects, self._weights(batch))  # (B, 2 N), (B, K, M)
        pair = states_at_starts(states, batch.spans)  # (B, 2 N)
        merged = self.final_merge(torch.cat([pair, aligned], 1))
        return score_logits(self.classifier(self.dropout(merged)), _attribute(attention, batch))

    def _fill_places(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Pad the rows to the M places of the configuration, whatever they are padded to here."""
        more = self.config.places - batch.tokens.shape[1]
        if more < 0:
            raise ModelError(
                f"a sentence has {batch.tokens.shape[1]} tokens, and the model has {self.config.places} places; "
                "set data.max_length to so many, or model.places to more"
            )
        tokens = batch.tokens.masked_fill(~batch.token_mask, self.padding)
        return F.pad(tokens, (0, more), value=self.padding), F.pad(batch.token_mask, (0, more), value=False)

    def _read_places(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Return the states of all places, (B, M, N); those of the padding have read the sentence, and count too."""
        position = torch.arange(tokens.shape[1], device=tokens.device)
        seen = mask.unsqueeze(1).expand(-1, len(position), -1)  # (B, M, M)
        if not self.sentence.backbone.bidirectional:
            seen = seen & (position <= position[:, None])
        counted = position.expand(len(tokens), -1)
        states: Tensor = self.sentence.backbone(self.sentence.embed(tokens), seen, counted, Memory())
        return states

    def _fill_objects(self, batch: Batch) -> Tensor:
        """Return the features of exactly K objects a row, (B, K, D), zeros where there are fewer or no photo."""
        count = self.config.objects
        if not batch.has_objects or not self.object_dim:
            return torch.zeros(len(batch), count, self.object_dim, device=batch.tokens.device)
        assert batch.objects is not None and batch.object_mask is not None
        shown = batch.objects[:, :count].masked_fill(~batch.object_mask[:, :count, None], 0)
        return F.pad(shown, (0, 0, 0, count - shown.shape[1]))

    def _weights(self, batch: Batch) -> Tensor | None:
        """Return the structural weights as the configuration reads them, (B, K, M); None for none at all."""
        if batch.alignment is None or not batch.has_objects or self.config.alignment == "none":
            return None
        assert batch.object_mask is not None
        there = batch.object_mask.any(1)
        given = (batch.alignment * there[:, None, None])[:, :, : self.config.objects]  # (B, L, K or less)
        missing = (self.config.objects - given.shape[2], self.config.places - given.shape[1])
        filled = F.pad(given, (0, missing[0], 0, missing[1]))  # (B, M, K)
        if self.config.alignment == "transposed":
            return filled.transpose(1, 2)
        return filled.reshape(len(batch), self.config.objects, self.config.places)

    def loss(self, output: PairScores, batch: Batch) -> Mapping[str, Tensor]:
        """Return the mean cross-entropy."""
        return cross_entropy(output, batch)

    def parameter_groups(self) -> ParameterGroups:
        """Return the trainable weights of the language model, the new ones, and no temperatures."""
        return group_parameters(self, self.sentence.backbone)


class DualAlignment(nn.Module):
    """Words aligned with objects by meaning and by structure, and the sum of what all objects get.

    Args:
        width: N of the language model's states.
        object_dim: D of the objects' features; 0 where none will ever come, whose O is zeros then.
    """

    def __init__(self, width: int, object_dim: int) -> None:
        super().__init__()
        pair = 2 * width
        self.object_projection = nn.Linear(object_dim, pair) if object_dim else None
        self.text_projection = nn.Linear(width, pair)
        self.object_query, self.text_key, self.text_value = (nn.Linear(pair, pair) for _ in range(3))
        self.object_merge = nn.Linear(2 * pair, pair)

    def forward(self, states: Tensor, mask: Tensor, objects: Tensor, weights: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return (B, 2 N), and how much each object looks at each place, (B, K, M).

        Args:
            states: (B, M, N) of all places.
            mask: (B, M) bool, which places objects may look at.
            objects: (B, K, D).
            weights: (B, K, M) structural ones; None for zeros.
        """
        text = self.text_projection(states)  # (B, M, 2 N)
        if self.object_projection is None:
            shown = text.new_zeros(*objects.shape[:2], text.shape[2])
        else:
            shown = self.object_projection(objects.to(self.object_projection.weight.dtype))  # (B, K, 2 N)
        query, key, value = self.object_query(shown), self.text_key(text), self.text_value(text)
        scores = (query @ key.transpose(1, 2)) / math.sqrt(query.shape[2])  # (B, K, M)
        attention = scores.masked_fill(~mask.unsqueeze(1), torch.finfo(scores.dtype).min).softmax(2)
        by_meaning = (attention.to(value.dtype) @ value).sigmoid()
        structural = torch.zeros_like(by_meaning) if weights is None else weights.to(text.dtype) @ text
        return self.object_merge(torch.cat([by_meaning, structural], 2)).sum(1), attention


def _attribute(attention: Tensor, batch: Batch) -> Attributions:
    """Say how much of each object's look, (B, K, M), is at the words of head and tail."""
    if not batch.has_objects:
        return Attributions()
    assert batch.object_mask is not None
    place = torch.arange(attention.shape[2], device=attention.device)
    inside = (place >= batch.spans[:, :, :1]) & (place < batch.spans[:, :, 1:])  # (B, 2, M)
    looked = torch.einsum("bkm,bsm->bsk", attention, inside.to(attention.dtype))
    count = batch.object_mask.shape[1]  # as the detector has them, not as they are read here
    shown = F.pad(looked, (0, max(0, count - looked.shape[2])))[:, :, :count]
    return Attributions(mention_weights=shown * batch.object_mask.unsqueeze(1))
