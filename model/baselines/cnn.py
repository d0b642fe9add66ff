"""GloVe+CNN as OpenNRE has it: the maximum of each filter over all places of a sentence, padding among them."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from dgf.model.baselines.configs import CNNConfig
from dgf.model.baselines.convolution import WordConvolution
from dgf.model.baselines.output import PairScores, ParameterGroups, cross_entropy, group_parameters, score_logits
from dgf.model.batch import Batch
from dgf.model.labels import LabelSpace
from dgf.model.language_models import LanguageModel


class CNN(nn.Module):
    """Words and distances, a convolution, one maximum a filter: logits = W drop(drop(max relu(y))) + b.

    Args:
        config: Its keys.
        labels: The relations.
        language_model: Its word vectors are read and trained.
        object_dim: Not read.
        block_shape: Not read.
    """

    def __init__(
        self,
        config: CNNConfig,
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
            self.classifier = nn.Linear(config.filters, len(labels.relations))
        self.dropout = nn.Dropout(config.dropout)

    def represent(self, batch: Batch) -> Tensor:
        """Return the maxima, (B, F)."""
        said, _ = self.sentence(batch)  # (B, F, M)
        best: Tensor = said.relu().amax(2)
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
