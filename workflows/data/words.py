"""Word vectors, of a file or of the training sentences, and the tokenizer that has a token a word."""

import logging
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from dgf.model.language_models import LanguageModel, WordVectors
from dgf.workflows.data.word_files import read_word_vectors

WIDTH = 50
"""Numbers of a vector that starts from nothing, as many as GloVe's smallest have."""

_UNKNOWN = "[UNK]"
_LOWER = normalizers.Lowercase()

_log = logging.getLogger(__name__)


def words_of_file(spec: str, file: Path, seed: int) -> LanguageModel:
    """Make a language model of the word vectors in a file.

    Words are lower-cased; of several that are then the same, the first counts, which is the most frequent one in the
    files there are.

    Args:
        spec: As it was asked for.
        file: See `read_word_vectors`.
        seed: Of the unknown word's vector.

    Raises:
        UserError: The file cannot be read as word vectors.
    """
    words, vectors = read_word_vectors(file)
    rows: dict[str, int] = {}
    for row, word in enumerate(words):
        rows.setdefault(_LOWER.normalize_str(word), row)
    if twice := len(words) - len(rows):
        _log.warning("warning: %s: %d words stand there more than once (lower-cased); the first counts", file, twice)
        vectors = vectors[np.fromiter(rows.values(), np.int64)]
    return _with_tokenizer(spec, list(rows), torch.from_numpy(vectors), seed)


def words_of_sentences(spec: str, sentences: Iterable[Sequence[str]], seed: int) -> LanguageModel:
    """Make a language model of random vectors for every word of some sentences, the most frequent word first.

    Args:
        spec: As it was asked for.
        sentences: The training split's, as words, and no other's.
        seed: Of the vectors.
    """
    counts = Counter(_LOWER.normalize_str(word) for sentence in sentences for word in sentence)
    words = sorted(counts, key=lambda word: (-counts[word], word))
    return _with_tokenizer(spec, words, _draw(len(words), WIDTH, seed + 1), seed)


def _with_tokenizer(spec: str, words: Sequence[str], vectors: torch.Tensor, seed: int) -> LanguageModel:
    """Add the unknown word, which starts at random, and a tokenizer: a word between two spaces is one token."""
    vectors = torch.cat([vectors, _draw(1, vectors.shape[1], seed)])
    vocabulary = {word: row for row, word in enumerate([*words, _UNKNOWN])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=_UNKNOWN))
    tokenizer.normalizer = _LOWER
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "removed")
    # no special tokens: they would be found inside the words of posts
    return LanguageModel(WordVectors(vectors), PreTrainedTokenizerFast(tokenizer_object=tokenizer), spec)


def _draw(count: int, width: int, seed: int) -> torch.Tensor:
    """Draw vectors whose length is about one."""
    return torch.randn(count, width, generator=torch.Generator().manual_seed(seed)) / math.sqrt(width)
