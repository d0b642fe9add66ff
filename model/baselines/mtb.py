"""MTB as MNRE's tables have it: a BERT with entity markers, read at the opening ones.

The original was pre-trained by matching blanks, and those weights were never released: this is its network alone, an
entity-start BERT.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from dgf.model.baselines.configs import MTBConfig
from dgf.model.baselines.output import PairScores, ParameterGroups, cross_entropy, group_parameters, score_logits
from dgf.model.baselines.sentence import SentenceEncoder, states_at_starts
from dgf.model.batch import Batch
from dgf.model.labels import LabelSpace
from dgf.model.language_models import LanguageModel

MARKERS = ("[unused0]", "[unused1]", "[unused2]", "[unused3]")
"""Of BERT's vocabulary: free for whoever wants a token of their own."""


class MTB(nn.Module):
    """Entity-start BERT: logits = V drop(W [h_head; h_tail] + b) + c.

    Args:
        config: Its keys.
        labels: The relations.
        language_model: Trained as a whole.
        object_dim: Not read.
        block_shape: Not read.
    """

    def __init__(
        self,
        config: MTBConfig,
        labels: LabelSpace,
        language_model: LanguageModel,
        object_dim: int = 0,
        block_shape: tuple[int, int] | None = None,
    ) -> None:
        super().__init__()
        self.config, self.labels, self.language_model = config, labels, language_model
        self.object_dim, self.block_shape = object_dim, block_shape
        with torch.random.fork_rng(devices=[]):  # the new weights depend on the key alone
            torch.manual_seed(config.seed)
            self.sentence = SentenceEncoder(language_model, MARKERS)
            self.pair = nn.Linear(2 * language_model.width, 2 * language_model.width)
            self.classifier = nn.Linear(2 * language_model.width, len(labels.relations))
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, batch: Batch) -> PairScores:
        """Score every relation for every row, (B, R)."""
        states = self.sentence(batch.tokens, batch.token_mask)  # (B, L, N)
        pair = self.pair(states_at_starts(states, batch.spans))  # (B, 2 N)
        return score_logits(self.classifier(self.dropout(pair)))

    def loss(self, output: PairScores, batch: Batch) -> Mapping[str, Tensor]:
        """Return the mean cross-entropy."""
        return cross_entropy(output, batch)

    def parameter_groups(self) -> ParameterGroups:
        """Return the trainable weights of the language model, the new ones, and no temperatures."""
        return group_parameters(self, self.sentence.backbone)
