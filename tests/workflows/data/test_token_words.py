"""Which word each token is a piece of: what structural weights are brought to tokens by."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from dgf.model.config import Markers
from dgf.pipeline.posts import Mention, Post
from dgf.workflows.data import EncodedPost, PostEncoder, train_tokenizer

RULES: tuple[Markers, ...] = ("none", "nested", "doubled", "open-ended")
BASE = 90_000


def letters() -> PreTrainedTokenizerBase:
    """A piece for each letter, between [CLS] and [SEP]."""
    names = "abcdefghijklmnopqrstuvwxyz"
    pieces = ["[UNK]", "[CLS]", "[SEP]", *names, *(f"##{letter}" for letter in names)]
    tokenizer = Tokenizer(models.WordPiece({piece: i for i, piece in enumerate(pieces)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(
        "[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="[UNK]")


def encode(
    tokenizer: PreTrainedTokenizerBase,
    rule: Markers,
    words: list[str],
    head: list[int],
    tail: list[int],
    most: int = 500,
) -> EncodedPost:
    mentions = [Mention(" ".join(words[a:b]), a, b) for a, b in (head, tail)]
    encoder = PostEncoder(tokenizer, most, None if rule == "none" else BASE, rule)
    return encoder.encode([Post("p", tuple(words), *mentions)])[0]


@st.composite
def posts(draw: st.DrawFn) -> tuple[list[str], list[int], list[int]]:
    words = draw(st.lists(st.text("abcxyz", min_size=1, max_size=4), min_size=1, max_size=9))
    starts = [draw(st.integers(0, len(words) - 1)) for _ in range(2)]
    spans = [[start, draw(st.integers(start + 1, len(words)))] for start in starts]
    return words, spans[0], spans[1]


@pytest.mark.parametrize("rule", RULES)
@settings(max_examples=60, deadline=None)
@given(post=posts())
def test_every_piece_has_its_word_and_nothing_else_has_one(
    rule: Markers, post: tuple[list[str], list[int], list[int]]
) -> None:
    words, head, tail = post
    tokenizer = letters()
    encoded = encode(tokenizer, rule, words, head, tail)
    assert len(encoded.words) == len(encoded.tokens)
    for token, word in zip(encoded.tokens, encoded.words, strict=True):
        if token >= BASE or token in (1, 2):
            assert word == -1, "markers and special tokens are of no word"
        else:
            piece = tokenizer.convert_ids_to_tokens(token)
            assert piece.removeprefix("##") in words[word]
            assert piece.startswith("##") or piece == words[word][0]
    for span, (start, end) in ((encoded.head, head), (encoded.tail, tail)):
        inside = [word for word in encoded.words[slice(*span)] if word >= 0]
        if rule in ("doubled", "none"):
            assert inside == [word for word in range(start, end) for _ in words[word]]
    shared = {word for word in range(*head) if word in range(*tail)} if rule == "doubled" else set()
    counted = [encoded.words.count(word) for word in range(len(words))]
    assert counted[head[0]] >= len(words[head[0]]) and counted[tail[0]] >= len(words[tail[0]])
    assert all(counted[word] >= 2 * len(words[word]) for word in shared), "these are written twice"
    assert rule == "doubled" or counted == [len(word) for word in words]


@pytest.mark.parametrize("rule", RULES)
def test_a_cut_sentence_keeps_the_words_of_what_is_left(rule: Markers) -> None:
    words = [letter * 3 for letter in "abcdefghijklmnop"]
    encoded = encode(letters(), rule, words, [2, 3], [9, 10], most=24)
    assert len(encoded.words) == len(encoded.tokens) == 24
    for token, word in zip(encoded.tokens, encoded.words, strict=True):
        if 2 < token < BASE:
            assert words[word][0] == letters().convert_ids_to_tokens(token)[-1]


def test_pieces_of_bytes_have_the_word_they_end_in() -> None:
    words = ["RT", "@NBA", ":", "LeBron", "d\u00e9j\u00e0", "\U0001f600"]
    tokenizer = train_tokenizer([" ".join(words)], 270)
    encoded = encode(tokenizer, "doubled", words, [1, 2], [3, 4])
    for number, word in enumerate(words):
        ids = [token for token, of in zip(encoded.tokens, encoded.words, strict=True) if of == number]
        assert tokenizer.decode(ids).strip() == word


def test_the_public_loader_maps_other_rows_and_others_each_time(shared_dir: Path) -> None:
    """Its zero rows stand where markers are not, and move by five at each reading; ours line up, always."""
    golden = json.loads((shared_dir / "golden" / "baselines" / "mega_alignment_rows.json").read_text())
    for row in golden["rows"]:
        count = 1 + max(row["first_read"])
        words = [chr(ord("a") + i) for i in range(count)]
        encoded = encode(letters(), "doubled", words, row["head"], row["tail"])
        ours = [*encoded.words, *[-1] * 32][:32]
        assert row["first_read"] != ours and row["second_read"] != row["first_read"]
        first = min(encoded.head[0], encoded.tail[0])
        assert row["first_read"][:first] == ours[:first], "before the first marker both are right"
        assert [word for word in ours if word >= 0] == list(range(count)), "no mention is nested here"
