"""Posts to tokens: word pieces of the sentence, and where the two mentions stand among them; a tokenizer if need be."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from dgf.model.config import Markers
from dgf.pipeline.posts import Post
from dgf.workflows.data.markers import Span, find_spans, mark


@dataclass(frozen=True, slots=True)
class EncodedPost:
    """A sentence as tokens.

    Args:
        tokens: Their ids.
        head: Which of them are the head, its markers included.
        tail: Likewise.
        words: Of each token the word of the post that it ends in; -1 for markers and special tokens.
    """

    tokens: tuple[int, ...]
    head: Span
    tail: Span
    words: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PostEncoder:
    """Tokenizes posts for the language model.

    A sentence is tokenized as a whole; word pieces of BERT are those that each stretch between markers would have
    alone.

    What is longer than `max_length` keeps the neighborhood of its mentions, whose markers are never lost. `doubled`
    alone is cut at its end as in the public code (OpenNRE): it loses [SEP], and a mention beyond the cut is the last
    token.

    Args:
        tokenizer: A fast tokenizer (it must give character offsets).
        max_length: Most tokens a sentence may have, its markers among them.
        marker_base: First of four ids (head opens, closes, tail opens, closes) put around the mentions; None for no
            markers.
        markers: The rule by which they stand there.
    """

    tokenizer: PreTrainedTokenizerBase
    max_length: int = 128
    marker_base: int | None = None
    markers: Markers = "nested"

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

        # the tokens of each mention, by where its words begin in the text
        starts = [0, *accumulate(len(word) + 1 for word in post.tokens)]
        head, tail = (_token_span(offsets, starts[m.start], starts[m.end] - 1) for m in (post.head, post.tail))

        # the sentence's length, and its markers
        rule = "none" if self.marker_base is None else self.markers
        budget = self.max_length - (0 if rule == "none" else 4)
        kept: Sequence[int] = range(len(ids))
        if len(ids) > budget and rule != "doubled":
            kept, head, tail = _shorten(len(ids), head, tail, budget)
        at_end = (post.head.end == len(post.tokens), post.tail.end == len(post.tokens))
        order = mark(rule, len(kept), head, tail, at_end)
        spans = find_spans(order, head, tail)
        tokens = tuple(ids[kept[i]] if i >= 0 else (self.marker_base or 0) - 1 - i for i in order)

        # the word of each token
        word_at = [number for number, word in enumerate(post.tokens) for _ in range(len(word) + 1)]
        word_of = [word_at[end - 1] if end > start else -1 for start, end in offsets]
        words = tuple(word_of[kept[i]] if i >= 0 else -1 for i in order)
        most = self.max_length
        return EncodedPost(tokens[:most], _cut(spans[0], most), _cut(spans[1], most), words[:most])


def _cut(span: Span, length: int) -> Span:
    """Cut a span to the tokens there are; one that lies beyond them is the last of them."""
    return min(span[0], length - 1), min(span[1], length)


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


def _shorten(length: int, head: Span, tail: Span, budget: int) -> tuple[list[int], Span, Span]:
    """Keep the `budget` tokens nearest to the mentions; a mention longer than half the budget is cut at its end.

    Returns:
        Which of `length` tokens are kept, and where head and tail are among them.
    """
    half = budget // 2
    head, tail = (head[0], min(head[1], head[0] + half)), (tail[0], min(tail[1], tail[0] + half))

    def distance(i: int) -> int:
        return min(max(start - i, i - end + 1, 0) for start, end in (head, tail))

    kept = sorted(sorted(range(length), key=distance)[:budget])
    position = {old: new for new, old in enumerate(kept)}
    moved = [(position[start], position[end - 1] + 1) for start, end in (head, tail)]
    return kept, moved[0], moved[1]


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
