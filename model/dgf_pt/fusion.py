"""Dual-gated fusion (section 4.2, eq. 4 to 8)."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from dgf.model.dgf_pt.config import ModelConfig
from dgf.model.pooling import cosines, masked_mean, masked_softmax


@dataclass
class Gates:
    """What the gates let through, for reports; None where the batch had nothing of the kind.

    Args:
        alpha: (B, L, K) weight of each object at each text position (eq. 4).
        beta: (B, L, N) local object-importance gate (eq. 5).
        gamma: (B, N) global image-relevance gate (eq. 6).
        relevance: (B, 2, K) weight of each object for head and tail in the object-oriented prefix.
    """

    alpha: Tensor | None = None
    beta: Tensor | None = None
    gamma: Tensor | None = None
    relevance: Tensor | None = None


def literal_ratio(scores: Tensor, mask: Tensor) -> Tensor:
    """Compute eq. 4 as printed, cos / sum of cos; the sum keeps a distance from zero, which cosines may cross."""
    scores = scores.masked_fill(~mask, 0)
    total = scores.sum(-1, keepdim=True)
    guarded = torch.where(total < 0, total.clamp(max=-1e-3), total.clamp(min=1e-3))
    return scores / guarded


class DualGatedFusion(nn.Module):
    """Text states enriched by what the gates let through of objects and image, and by the caption.

    Args:
        config: Reads alpha, temperature, delta and dropout.
        width: N.
        objects: Whether objects may come; without, there is no local gate.
        image: Whether an image may come; without, there is no global gate.
    """

    def __init__(self, config: ModelConfig, width: int, *, objects: bool, image: bool) -> None:
        super().__init__()
        self.literal = config.alpha == "literal"
        self.delta = config.delta
        self.fc_beta = nn.Linear(width, width) if objects else None
        self.fc_gamma = nn.Linear(width, width) if image else None
        self.log_temperature: nn.Parameter | None = None
        if objects and not self.literal:
            self.log_temperature = nn.Parameter(torch.tensor(math.log(config.temperature)))
        if objects or image:
            last = nn.Linear(width, width)
            nn.init.normal_(last.weight, std=1e-3)  # the fused text starts as the text itself, all but
            nn.init.zeros_(last.bias)
            self.mlp = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Dropout(config.dropout), last)

    def alpha(self, text: Tensor, objects: Tensor, mask: Tensor) -> Tensor:
        """Weigh the objects (eq. 4): (B, L, N), (B, K, N), (B, K) -> (B, L, K); zeros for rows without objects."""
        scores = cosines(text, objects)
        seen = mask.unsqueeze(1)
        if self.log_temperature is None:
            return literal_ratio(scores, seen)
        return masked_softmax(scores / self.log_temperature.exp(), seen)

    def forward(
        self,
        text: Tensor,
        objects: tuple[Tensor, Tensor] | None,
        image: tuple[Tensor, Tensor] | None,
        caption: tuple[Tensor, Tensor] | None,
    ) -> tuple[Tensor, Gates]:
        """Fuse objects, image and caption into the text (eq. 4 to 8).

        A row without objects has beta = 0, one without an image gamma = 0, and one with neither keeps its text as
        it is (eq. 7's MLP is left out), so that what is missing changes nothing.

        Args:
            text: (B, L, N) h_t.
            objects: (B, K, N) h_o and (B, K) bool, or None.
            image: (B, M, N) h_i and (B,) bool, or None.
            caption: (B, N) and (B,) bool, or None.

        Returns:
            (B, L, N) fused text and the gates.
        """
        gates = Gates()
        fused = text
        if objects is not None and self.fc_beta is not None:
            states, mask = objects
            gates.alpha = self.alpha(text, states, mask)
            some = mask.any(1)[:, None, None]
            gates.beta = self.fc_beta(gates.alpha @ states) * some  # eq. 5
        if image is not None and self.fc_gamma is not None:
            blocks, there = image
            pooled = masked_mean(blocks, there.unsqueeze(1).expand(-1, blocks.shape[1]))
            gates.gamma = torch.tanh(self.fc_gamma(pooled)) * there.unsqueeze(1)  # eq. 6
        if gates.beta is not None or gates.gamma is not None:
            gated = torch.zeros_like(text)
            seen = torch.zeros_like(text[:, :1, :1], dtype=torch.bool)  # (B, 1, 1)
            if gates.gamma is not None and image is not None:
                gated = gated + text * gates.gamma.unsqueeze(1)
                seen = seen | image[1][:, None, None]
            if gates.beta is not None and objects is not None:
                gated = gated + gates.beta
                seen = seen | objects[1].any(1)[:, None, None]
            fused = text + self.mlp(gated) * seen  # eq. 7
        if caption is not None:
            description, there = caption
            fused = fused + self.delta * (description * there.unsqueeze(1)).unsqueeze(1)  # eq. 8
        return fused, gates
