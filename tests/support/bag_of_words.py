"""A second model, as small as one can be: a sum of word vectors. It reads no photo, no caption and no type."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from dgf.model.batch import Batch
from dgf.model.config import Reads, Whole
from dgf.model.interface import Attributions
from dgf.model.labels import LabelSpace
from dgf.model.language_models import LanguageModel


@dataclass(frozen=True)
class BagConfig:
    name: Literal["bag-of-words"] = "bag-of-words"
    width: Annotated[Whole, Field(ge=1)] = 8
    seed: Whole = 0
    protocol = None
    reads = Reads()


@dataclass
class BagOutput:
    log_probs: Tensor
    type_log_probs = None
    attributions = Attributions()


class BagOfWords(nn.Module):
    def __init__(
        self, config: BagConfig, labels: LabelSpace, language_model: LanguageModel, object_dim: int, block_shape: Any
    ) -> None:
        super().__init__()
        self.config, self.labels, self.language_model = config, labels, language_model
        self.object_dim, self.block_shape = object_dim, block_shape
        torch.manual_seed(config.seed)
        self.words = nn.Embedding(language_model.vocab_size, config.width)
        self.classify = nn.Linear(config.width, len(labels.relations))

    def forward(self, batch: Batch) -> BagOutput:
        assert batch.objects is batch.blocks is batch.captions is batch.caption_tokens is batch.given_types is None
        bag = (self.words(batch.tokens) * batch.token_mask.unsqueeze(-1)).sum(1)  # (B, width)
        return BagOutput(self.classify(bag).float().log_softmax(-1))

    def loss(self, output: BagOutput, batch: Batch) -> Mapping[str, Tensor]:
        return {"total": nn.functional.nll_loss(output.log_probs, batch.relations)}

    def parameter_groups(self) -> tuple[list[nn.Parameter], list[nn.Parameter], list[nn.Parameter]]:
        return [], list(self.parameters()), []
