"""What the network says of a batch, and the joint objective of it (section 4.4, eq. 10 to 14), each loss on its own."""

from dataclasses import dataclass

import torch
from torch import Tensor

from dgf.model.batch import Batch
from dgf.model.dgf_pt.config import ModelConfig
from dgf.model.dgf_pt.fusion import Gates
from dgf.model.interface import Attributions
from dgf.model.pooling import cosines, span_mean


@dataclass
class DGFOutput:
    """What the network says of B rows.

    Args:
        log_probs: (B, R) log p(r given fused text), types' restriction included: the prediction.
        log_probs_text: (B, R) log p(r given text before fusion); `log_probs` itself where fusion changed nothing.
        type_log_probs: (B, 2, T) log-probabilities of head and tail type, None where they are not predicted.
        text: (B, N) mean of the text states before fusion, x of eq. 12.
        fused: (B, N) mean of the fused text states, x~ of eq. 12.
        gates: What the gates let through.
        spans: (B, 2, 2), the batch's own.
    """

    log_probs: Tensor
    log_probs_text: Tensor | None
    type_log_probs: Tensor | None
    text: Tensor
    fused: Tensor
    gates: Gates
    spans: Tensor

    @property
    def attributions(self) -> Attributions:
        """The object-oriented prefix's weights, and those of eq. 4 at the mentions: over a sentence they even out."""
        alpha = self.gates.alpha
        return Attributions(
            relevance=self.gates.relevance,
            mention_weights=None if alpha is None else span_mean(alpha, self.spans),
        )


@dataclass
class Losses:
    """The weighted sum of eq. 14 and what it is made of, scalars; a loss that is off is zero."""

    total: Tensor
    consistency: Tensor  # L_d, eq. 10
    identification: Tensor  # L_s, eq. 12
    classification: Tensor  # L_c, eq. 13
    types: Tensor  # cross-entropy of the type heads


def consistency(fused: Tensor, text: Tensor) -> Tensor:
    """Compute eq. 10: KL(p(r given fused) || p(r given text)), mean over rows, from (B, R) log-probabilities.

    The right side printed as eq. 11, sum of p log q, is not a divergence: its minimum is minus infinity.
    """
    return (fused.exp() * (fused - text)).sum(-1).mean()


def centered(text: Tensor, fused: Tensor) -> tuple[Tensor, Tensor]:
    """Take the mean of all (B, N) texts and fused texts off each of them.

    What all states of a language model share, whatever the row, is most of their length: with it the cosine of any two
    rows is near 1, and no row could be told from the hardest negative by a margin.
    """
    center = (text.mean(0) + fused.mean(0)) / 2
    return text - center, fused - center


def identification(text: Tensor, fused: Tensor, sentences: Tensor | None, margin: float) -> Tensor:
    """Compute eq. 12, its sign corrected: the hardest negatives must be farther than the positive, by a margin.

    Args:
        text: (B, N) x, pooled text states.
        fused: (B, N) x~, pooled fused states, the positive of each.
        sentences: (B,) rows of the same sentence are no negatives; None makes every other row one.
        margin: In cosine.

    Returns:
        The mean over rows of both hinges; a row without a negative counts as zero.
    """
    similar = cosines(text, fused)  # (B, B), row x, column x~
    positive = similar.diagonal()
    if sentences is None:
        sentences = torch.arange(len(text), device=text.device)
    same = sentences[:, None] == sentences
    negatives = similar.masked_fill(same, -torch.inf)
    text_hinge = (margin - positive + negatives.amax(0)).clamp(min=0)  # hardest x_n of each x~
    fused_hinge = (margin - positive + negatives.amax(1)).clamp(min=0)  # hardest x~_n of each x
    return (text_hinge + fused_hinge).mean()


def classification(log_probs: Tensor, targets: Tensor) -> Tensor:
    """Compute eq. 13: negative log-likelihood of the targets, mean over those that are known (not -1)."""
    known = targets >= 0
    taken = log_probs.gather(-1, targets.clamp(min=0).unsqueeze(-1)).squeeze(-1)
    return -(taken * known).sum() / known.sum().clamp(min=1)


def joint_objective(output: DGFOutput, batch: Batch, config: ModelConfig) -> Losses:
    """Weigh and add up (eq. 14) the three losses with weights 2, 2 and 3, and the type heads' with its own.

    Without `joint_objective` only eq. 13 and the type heads' loss remain.
    """
    nothing = output.log_probs.new_zeros(())
    distance = identity = kinds = nothing
    if config.joint_objective and output.log_probs_text is not None:
        distance = consistency(output.log_probs, output.log_probs_text)
    if config.joint_objective:
        text, fused = output.text, output.fused
        if config.states == "normalized":
            text, fused = centered(text, fused)
        identity = identification(text, fused, batch.sentences, config.margin)
    likelihood = nothing if batch.relations is None else classification(output.log_probs, batch.relations)
    if output.type_log_probs is not None and batch.type_targets is not None:
        kinds = classification(output.type_log_probs, batch.type_targets)
    total = (
        config.consistency_weight * distance
        + config.identification_weight * identity
        + config.classification_weight * likelihood
        + config.type_weight * kinds
    )
    return Losses(total, distance, identity, likelihood, kinds)
