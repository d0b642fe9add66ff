"""The initial representations T, O and I (section 4.1.1), in the space of the word embeddings."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dgf.model.backbone import Backbone


def identity(width: int) -> nn.Linear:
    """Make a linear layer that starts as the identity."""
    layer = nn.Linear(width, width)
    nn.init.eye_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


class TextInput(nn.Module):
    """T: static word embeddings through a linear layer that starts as the identity; marker tokens beside them."""

    def __init__(self, width: int, scale: float, markers: bool) -> None:
        super().__init__()
        self.fc = identity(width)
        self.markers = nn.Parameter(torch.randn(4, width) * scale) if markers else None

    def forward(self, tokens: Tensor, backbone: Backbone) -> Tensor:
        """Embed (B, L) ids -> (B, L, N). Ids from `vocab_size` on are markers."""
        size = backbone.vocab_size
        embedded = backbone.embed(tokens.clamp(max=size - 1))
        if self.markers is not None:
            marked = self.markers[(tokens - size).clamp(0, 3)]
            embedded = torch.where((tokens >= size).unsqueeze(-1), marked, embedded)
        fed = self.fc(embedded)
        assert isinstance(fed, Tensor)
        return fed


class VisualInput(nn.Module):
    """O or I: features, each normalized, through a fully connected layer that starts at the embeddings' scale.

    Args:
        size: D, the features' dimension.
        width: N.
        scale: Standard deviation of the word embeddings.
        parts: Vectors each feature is turned into: 1, or M for fc7.
    """

    def __init__(self, size: int, width: int, scale: float, parts: int = 1) -> None:
        super().__init__()
        self.fc = nn.Linear(size, parts * width)
        self.parts = parts
        nn.init.normal_(self.fc.weight, std=scale * size**-0.5)
        nn.init.zeros_(self.fc.bias)

    def forward(self, features: Tensor) -> Tensor:
        """Project (B, S, D) -> (B, S * parts, N)."""
        features = features.to(self.fc.weight.dtype)  # shards hold float16
        fed = self.fc(F.layer_norm(features, features.shape[-1:]))
        assert isinstance(fed, Tensor)
        return fed.reshape(len(fed), features.shape[1] * self.parts, -1)
