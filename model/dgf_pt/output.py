"""What the network says of a batch: the prediction, what the losses compare, and what the gates let through."""

from dataclasses import dataclass

from torch import Tensor

from dgf.model.dgf_pt.fusion import Gates
from dgf.model.interface import Attributions


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
        token_mask: (B, L) bool, the batch's own.
    """

    log_probs: Tensor
    log_probs_text: Tensor | None
    type_log_probs: Tensor | None
    text: Tensor
    fused: Tensor
    gates: Gates
    token_mask: Tensor

    @property
    def attributions(self) -> Attributions:
        """Mean weight of each object over the sentence (eq. 4), and mean absolute value of the image's gate (eq. 6)."""
        alpha, gamma = self.gates.alpha, self.gates.gamma
        mask = self.token_mask.unsqueeze(-1)  # (B, L, 1)
        return Attributions(
            object_weights=None if alpha is None else (alpha * mask).sum(1) / mask.sum(1),
            image_gate=None if gamma is None else gamma.abs().mean(-1),
        )
