"""GloVe+CNN and PCNN as OpenNRE has them, of single sentences: a convolution over words, and its filters' maxima.

CNN takes one over all places of a sentence, padding among them; PCNN one before, between and behind the mentions.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from dgf.model.baselines.configs import CNNConfig, PCNNConfig
from dgf.model.baselines.convolution import WordConvolution
from dgf.model.baselines.output import PairScores, ParameterGroups, cross_entropy, group_parameters, score_logits
from dgf.model.batch import Batch
from dgf.model.labels import LabelSpace
from dgf.model.language_models import LanguageModel

_FAR_BELOW = 100.0
"""Taken off what filters say outside a piece: as published, and enough for a relu to make it 0."""


class CNN(nn.Module):
    """Words and distances, a convolution, maxima of each filter: logits = W drop(drop(max relu(y))) + b.

    The class of its configuration says over what the maxima are.

    Args:
        config: Its keys.
        labels: The relations.
        language_model: Its word vectors are read and trained.
        object_dim: Not read.
        block_shape: Not read.
    """

    def __init__(
        self,
        config: CNNConfig | PCNNConfig,
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
            self.sentence = WordConvolution(
                language_model, config.places, config.distance_width, config.filters, config.window
            )
            maxima = 3 if isinstance(config, PCNNConfig) else 1
            self.classifier = nn.Linear(maxima * config.filters, len(labels.relations))
        self.dropout = nn.Dropout(config.dropout)

    def represent(self, batch: Batch) -> Tensor:
        """Return the maxima, (B, F); of PCNN those of three pieces one after the other, (B, 3 F), 0 of an empty one."""
        said, segments = self.sentence(batch)  # (B, F, M), (B, M)
        pieces = [said]
        if isinstance(self.config, PCNNConfig):
            # one by one, since all three at once are so large that their memory is fetched and given back at every step
            pieces = [said - _FAR_BELOW * (segments != piece).unsqueeze(1) for piece in (1, 2, 3)]  # (B, F, M) each
        best: Tensor = torch.cat([piece.amax(2) for piece in pieces], 1).relu()
        return best

    def forward(self, batch: Batch) -> PairScores:
        """Score every relation for every row, (B, R); dropout comes twice, as published."""
        return score_logits(self.classifier(self.dropout(self.dropout(self.represent(batch)))))

    def loss(self, output: PairScores, batch: Batch) -> Mapping[str, Tensor]:
        """Return the mean cross-entropy."""
        return cross_entropy(output, batch)

    def parameter_groups(self) -> ParameterGroups:
        """Return the word vectors, the new weights, and no temperatures."""
        return group_parameters(self, self.sentence.words)
