"""BERT+SG and BERT+SG+Att: an entity-start BERT beside the objects of the photo, averaged or attended to by the pair.

Their code is not public, and the papers say no more than that BERT's states and the features of a scene-graph tool are
joined, and that an attention tells which features matter. What is joined with what, and in which sizes, is a reading of
ours. With x = [h_head; h_tail], (2 N), and o_k = P object_k, (2 N), of the objects that the photo has,

- SG:     v = mean_k o_k
- SG+Att: v = sum_k a_k V' o_k,  a = softmax_k(Q x . K o_k / sqrt(2 N))
- both:   logits = C drop(W [x; v])

and v = 0 where there is no object. The pair asks, not the whole sentence, so that pairs of one photo may look at
different objects. Objects are those of the shards' detector, in place of the scene-graph tool's; the relations between
objects enter neither.
"""

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from dgf.model.baselines.configs import BertSGAttConfig, BertSGConfig
from dgf.model.baselines.mtb import MARKERS
from dgf.model.baselines.output import PairScores, ParameterGroups, cross_entropy, group_parameters, score_logits
from dgf.model.baselines.sentence import SentenceEncoder, states_at_starts
from dgf.model.batch import Batch
from dgf.model.interface import Attributions
from dgf.model.labels import LabelSpace
from dgf.model.language_models import LanguageModel


class BertSG(nn.Module):
    """Entity-start BERT joined with the photo's objects; the class of its configuration says how these become one.

    Args:
        config: Its keys.
        labels: The relations.
        language_model: Trained as a whole.
        object_dim: D of the objects' features; 0 where no objects will ever come, so that v is always 0.
        block_shape: Not read.
    """

    def __init__(
        self,
        config: BertSGConfig | BertSGAttConfig,
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
            self.objects = nn.Linear(object_dim, width) if object_dim else None
            attends = object_dim and isinstance(config, BertSGAttConfig)
            self.attention = PairAttention(width) if attends else None
            self.join = nn.Linear(2 * width, width)
            self.classifier = nn.Linear(width, len(labels.relations))
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, batch: Batch) -> PairScores:
        """Score every relation for every row, (B, R)."""
        states = self.sentence(batch.tokens, batch.token_mask)  # (B, L, N)
        pair = states_at_starts(states, batch.spans)  # (B, 2 N)
        seen, looked = self._see(pair, batch)
        joined = self.join(torch.cat([pair, seen], 1))  # (B, 2 N)
        return score_logits(self.classifier(self.dropout(joined)), looked)

    def _see(self, pair: Tensor, batch: Batch) -> tuple[Tensor, Attributions]:
        """Make one vector of each row's objects, (B, 2 N), zeros where there are none."""
        if self.objects is None or not batch.has_objects:
            return torch.zeros_like(pair), Attributions()
        assert batch.objects is not None and batch.object_mask is not None
        mask = batch.object_mask  # (B, K)
        objects = self.objects(batch.objects.to(self.objects.weight.dtype))  # (B, K, 2 N)
        if self.attention is not None:
            seen, weights = self.attention(pair, objects, mask)
            return seen, Attributions(relevance=weights.unsqueeze(1).expand(-1, 2, -1))
        share = mask / mask.sum(1, keepdim=True).clamp(min=1)  # (B, K)
        return torch.einsum("bk,bkn->bn", share.to(objects.dtype), objects), Attributions()

    def loss(self, output: PairScores, batch: Batch) -> Mapping[str, Tensor]:
        """Return the mean cross-entropy."""
        return cross_entropy(output, batch)

    def parameter_groups(self) -> ParameterGroups:
        """Return the trainable weights of the language model, the new ones, and no temperatures."""
        return group_parameters(self, self.sentence.backbone)


class PairAttention(nn.Module):
    """One head of attention from a pair to objects, all of one width."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))

    def forward(self, pair: Tensor, objects: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return what the pair gets of the objects, (B, W), and their weights, (B, K); zeros where a row has none.

        Args:
            pair: (B, W).
            objects: (B, K, W).
            mask: (B, K) bool, which objects are there.
        """
        scores = torch.einsum("bn,bkn->bk", self.query(pair), self.key(objects)).float()
        scores = (scores / math.sqrt(pair.shape[1])).masked_fill(~mask, torch.finfo(scores.dtype).min)
        weights = scores.softmax(1) * mask  # of a row without objects the softmax is over nothing
        return torch.einsum("bk,bkn->bn", weights.to(objects.dtype), self.value(objects)), weights
