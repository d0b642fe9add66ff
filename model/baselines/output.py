"""What the baselines have in common: what they say, how they learn it, and whose weight is whose."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch.nn.functional as F
from torch import Tensor, nn

from dgf.model.batch import Batch
from dgf.model.interface import Attributions

ParameterGroups = tuple[list[nn.Parameter], list[nn.Parameter], list[nn.Parameter]]


@dataclass(slots=True)
class PairScores:
    """What a model says that predicts no entity types.

    Args:
        log_probs: (B, R) log-probabilities of the relations.
        attributions: Where it looked in the photo, if it says so.
    """

    log_probs: Tensor
    attributions: Attributions = field(default_factory=Attributions)

    @property
    def type_log_probs(self) -> None:
        """None: no types are predicted."""


def score_logits(logits: Tensor, attributions: Attributions | None = None) -> PairScores:
    """Turn (B, R) logits into what a model says, in float32 also under autocast."""
    return PairScores(logits.float().log_softmax(-1), attributions or Attributions())


def cross_entropy(output: PairScores, batch: Batch) -> Mapping[str, Tensor]:
    """Return the mean cross-entropy over the rows, which is all that these systems minimize."""
    assert batch.relations is not None
    return {"total": F.nll_loss(output.log_probs, batch.relations)}


def group_parameters(model: nn.Module, language_model: nn.Module) -> ParameterGroups:
    """Tell the trainable weights of the language model from the new ones; there are no temperatures."""
    inside = {id(parameter) for parameter in language_model.parameters()}
    groups: ParameterGroups = ([], [], [])
    for parameter in model.parameters():
        if parameter.requires_grad:
            groups[0 if id(parameter) in inside else 1].append(parameter)
    return groups
