"""Word vectors in a language model's place: an embedding table with no layers above it."""

from dataclasses import asdict, dataclass
from typing import Any

from torch import Tensor, nn

WORDS = "words"
"""Their kind, where a transformers model has the name of its architecture."""


@dataclass(frozen=True, slots=True)
class WordVectorsConfig:
    """What a saved model says of them, under the names that transformers has for it.

    Args:
        vocab_size: Words, with the unknown one.
        hidden_size: Numbers of a vector.
    """

    vocab_size: int
    hidden_size: int
    model_type: str = WORDS
    num_hidden_layers: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


class WordVectors(nn.Module):
    """An embedding table that says what transformers models say of theirs.

    Args:
        vectors: (V, N), one a word.
    """

    def __init__(self, vectors: Tensor) -> None:
        super().__init__()
        self.config = WordVectorsConfig(*vectors.shape)
        self.table = nn.Embedding(vectors.shape[0], vectors.shape[1], _weight=vectors)

    def get_input_embeddings(self) -> nn.Embedding:
        """Return the table."""
        return self.table
