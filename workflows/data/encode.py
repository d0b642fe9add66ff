"""Posts to tokens: word pieces of the sentence, and where the two mentions stand among them; a tokenizer if need be."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from dgf.pipeline.posts import Post

Span = tuple[int, int]
"""Token positions [start, end)."""


@dataclass(frozen=True, slots=True)
class EncodedPost:
    """Token ids of a sentence and the spans of head and tail in it (a span holds its own markers)."""

    tokens: tuple[int, ...]
    head: Span
    tail: Span


@dataclass(frozen=True, slots=True)
class PostEncoder:
    """Tokenizes posts for the language model.

    Args:
        tokenizer: A fast tokenizer (it must give character offsets).
        max_length: Most tokens a sentence may have; a longer one keeps the neighborhood of its mentions.
        marker_base: First of four ids (head opens, closes, tail opens, closes) put around the mentions; None for no
            markers.
    """

    tokenizer: PreTrainedTokenizerBase
    max_length: int = 128
    marker_base: int | None = None

    def encode(self, posts: Sequence[Post]) -> list[EncodedPost]:
        """Encode posts, in order."""
        if not posts:
            return []
        texts = [" ".join(post.tokens) for post in posts]
        batch = self.tokenizer(texts, return_offsets_mapping=True, truncation=False, verbose=False)
        return [
            self._encode_one(post, ids, offsets)
            for post, ids, offsets in zip(posts, batch["input_ids"], batch["offset_mapping"], strict=True)
        ]

    def _encode_one(self, post: Post, ids: list[int], offsets: list[Span]) -> EncodedPost:
        if not ids:  # nothing the tokenizer keeps: one token, so that the sentence has a representation
            known = (self.tokenizer.unk_token_id, self.tokenizer.eos_token_id, self.tokenizer.pad_token_id)
            ids, offsets = [next((int(i) for i in known if i is not None), 0)], [(0, 1)]
        starts = [
            0,
            *accumulate(len(word) + 1 for word in post.tokens),
        ]  # of each word in the text
        head, tail = (_token_span(offsets, starts[m.start], starts[m.end] - 1) for m in (post.head, post.tail))
        budget = self.max_length - (4 if self.marker_base is not None else 0)
        if len(ids) > budget:
            ids, head, tail = _shorten(ids, head, tail, budget)
        if self.marker_base is None:
            return EncodedPost(tuple(ids), head, tail)
        return _with_markers(ids, head, tail, self.marker_base)


def _token_span(offsets: list[Span], start: int, end: int) -> Span:
    """Find the tokens that hold a character of [start, end).

    A mention of which the tokenizer keeps nothing (control characters, say) gets the token that follows it, or the
    last one: every mention must have a representation. (`BatchEncoding.char_to_token` gives the first of the tokens
    that share a character, and byte-level tokenizers split one: the last of them would be lost.)
    """
    inside = [i for i, (a, b) in enumerate(offsets) if a < end and b > start and b > a]
    if inside:
        return inside[0], inside[-1] + 1
    after = next((i for i, (a, b) in enumerate(offsets) if a >= end and b > a), len(offsets) - 1)
    return after, after + 1


def _shorten(ids: list[int], head: Span, tail: Span, budget: int) -> tuple[list[int], Span, Span]:
    """Keep the `budget` tokens nearest to the mentions; a mention longer than half the budget is cut at its end."""
    half = budget // 2
    head, tail = (head[0], min(head[1], head[0] + half)), (tail[0], min(tail[1], tail[0] + half))

    def distance(i: int) -> int:
        return min(max(start - i, i - end + 1, 0) for start, end in (head, tail))

    kept = sorted(sorted(range(len(ids)), key=distance)[:budget])
    position = {old: new for new, old in enumerate(kept)}
    moved = [(position[start], position[end - 1] + 1) for start, end in (head, tail)]
    return [ids[i] for i in kept], moved[0], moved[1]


def _with_markers(ids: list[int], head: Span, tail: Span, base: int) -> EncodedPost:
    """Put a token before and after each mention; of two that open or close together, the longer stands outside."""
    spans = (head, tail)
    openings = sorted(range(2), key=lambda k: spans[k][0] - spans[k][1])
    closings = openings[::-1]
    tokens: list[int] = []
    start, end = [0, 0], [0, 0]
    for i in range(len(ids) + 1):
        for k in closings:
            if spans[k][1] == i:
                tokens.append(base + 2 * k + 1)
                end[k] = len(tokens)
        for k in openings:
            if spans[k][0] == i:
                start[k] = len(tokens)
                tokens.append(base + 2 * k)
        if i < len(ids):
            tokens.append(ids[i])
    return EncodedPost(tuple(tokens), (start[0], end[0]), (start[1], end[1]))


def train_tokenizer(sentences: Iterable[str], vocabulary_size: int) -> PreTrainedTokenizerFast:
    """Learn byte-level BPE, GPT-2's kind, for a language model that comes without a tokenizer (random weights).

    It can spell any text and needs no download.

    Args:
        sentences: The training split's sentences, and no other's.
        vocabulary_size: Rows of the language model's embedding table; at most so many tokens are learned.
    """
    end, pad, mask, unknown = "<|endoftext|>", "[PAD]", "[MASK]", "[UNK]"
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=True)
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary_size,
        special_tokens=[end, pad, mask, unknown],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(sentences, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token=end, pad_token=pad, mask_token=mask, unk_token=unknown
    )
