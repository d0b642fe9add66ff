"""What GloVe+CNN and PCNN have in common: words and their distances to head and tail, under one convolution.

A sentence is cut and padded to a fixed number of places here, so that a row's answer does not depend on its batch.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dgf.model.batch import Batch
from dgf.model.language_models import LanguageModel


class WordConvolution(nn.Module):
    """Token ids and spans to what the filters say at each place.

    Args:
        language_model: Only its embedding table is read, and trained.
        places: M, words of a sentence.
        distance_width: Numbers of the vector of a distance.
        filters: F.
        window: Places that a filter sees.
    """

    def __init__(
        self, language_model: LanguageModel, places: int, distance_width: int, filters: int, window: int
    ) -> None:
        super().__init__()
        self.places = places
        self.words = language_model.model.get_input_embeddings().requires_grad_(True)
        self.padding = nn.Parameter(torch.zeros(language_model.width))
        self.to_head, self.to_tail = (nn.Embedding(2 * places, distance_width, padding_idx=0) for _ in range(2))
        self.convolution = nn.Conv1d(language_model.width + 2 * distance_width, filters, window, padding=window // 2)

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return (B, F, M) what the filters say, and (B, M) the segment of each place: 1, 2, 3, or 0 for padding.

        A segment ends with the first word of a mention; the last one ends with the sentence.
        """
        tokens, there = self._places(batch.tokens), self._places(batch.token_mask)  # (B, M)
        starts = batch.spans[:, :, :1].clamp(max=self.places)  # (B, 2, 1)
        position = torch.arange(self.places, device=tokens.device)

        # of each word, what it is and how far from the first words of head and tail; 0 where there is none
        words = torch.where(there.unsqueeze(2), self.words(tokens), self.padding)  # (B, M, N)
        distances = (position - starts + self.places).clamp(max=2 * self.places - 1) * there.unsqueeze(1)  # (B, 2, M)
        places = torch.cat([words, self.to_head(distances[:, 0]), self.to_tail(distances[:, 1])], 2)
        said: Tensor = self.convolution(places.transpose(1, 2))
        return said, (1 + (position > starts).sum(1)) * there

    def _places(self, tokens: Tensor) -> Tensor:
        """Cut (B, L) to (B, M), or fill it up with zeros."""
        cut = tokens[:, : self.places]
        return F.pad(cut, (0, self.places - cut.shape[1]))
