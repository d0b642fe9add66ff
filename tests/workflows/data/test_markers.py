"""Marker rules: those of the public code on awkward pairs of mentions, and what holds of any pair."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from dgf.pipeline.posts import Mention, Post
from dgf.workflows.data import PostEncoder
from dgf.workflows.data.markers import find_spans, mark


@pytest.fixture(scope="module")
def cases(shared_dir: Path) -> list[dict[str, Any]]:
    return list(json.loads((shared_dir / "golden" / "baselines" / "text_cases.json").read_text())["cases"])


def pieces_of_four(words: list[str]) -> PreTrainedTokenizerBase:
    """Lower-case pieces of four characters, as the cases have them."""
    found = ["[UNK]", "[CLS]", "[SEP]"]
    for word in words:
        pieces = [word.lower()[i : i + 4] for i in range(0, len(word), 4)]
        found += [pieces[0], *(f"##{piece}" for piece in pieces[1:])]
    vocabulary = {piece: i for i, piece in enumerate(dict.fromkeys(found))}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    ends = [(name, vocabulary[name]) for name in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", special_tokens=ends)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="[UNK]")


def post_of(case: dict[str, Any]) -> Post:
    words = tuple(case["words"])
    mentions = [Mention(" ".join(words[a:b]), a, b) for a, b in (case["head"], case["tail"])]
    return Post("p", words, *mentions)


def test_doubled_markers_stand_where_the_public_code_puts_them(cases: list[dict[str, Any]]) -> None:
    for case in cases:
        expected, longest = case["bert_entity"], case.get("max_length", 128)
        tokenizer = pieces_of_four(case["words"])
        encoder = PostEncoder(tokenizer, longest, len(tokenizer), "doubled")
        [encoded] = encoder.encode([post_of(case)])
        shown = [
            f"[unused{i - len(tokenizer)}]" if i >= len(tokenizer) else tokenizer.convert_ids_to_tokens(i)
            for i in encoded.tokens
        ]
        assert shown == expected["tokens"][:longest], case["name"]
        assert (encoded.head[0], encoded.tail[0]) == (expected["head_start"], expected["tail_start"]), case["name"]
        assert len(encoded.tokens) == expected["attended"]
        assert max(encoded.head[1], encoded.tail[1]) <= len(encoded.tokens)


def test_open_ended_markers_stand_where_the_public_code_puts_them(cases: list[dict[str, Any]]) -> None:
    for case in cases:
        tokenizer = pieces_of_four(case["words"])
        marks = ("<s>", "</s>", "<o>", "</o>")
        [encoded] = PostEncoder(tokenizer, 128, len(tokenizer), "open-ended").encode([post_of(case)])
        expected = ["[CLS]"]
        for word in case["hvpnet_text"].split():
            expected += [word] if word in marks else tokenizer.tokenize(word)
        shown = [
            marks[i - len(tokenizer)] if i >= len(tokenizer) else tokenizer.convert_ids_to_tokens(i)
            for i in encoded.tokens
        ]
        assert shown == [*expected, "[SEP]"], case["name"]
        assert (shown[encoded.head[0]], shown[encoded.tail[0]]) == ("<s>", "<o>")


def test_open_ended_markers_survive_a_sentence_that_is_too_long() -> None:
    words = [f"w{i}" for i in range(60)]
    tokenizer = pieces_of_four(words)
    case = {"words": words, "head": [20, 21], "tail": [50, 52]}
    [encoded] = PostEncoder(tokenizer, 16, len(tokenizer), "open-ended").encode([post_of(case)])
    assert len(encoded.tokens) == 16
    assert sorted(i for i in encoded.tokens if i >= len(tokenizer)) == [len(tokenizer) + k for k in range(4)]


spans = st.tuples(st.integers(0, 11), st.integers(1, 5)).map(lambda pair: (pair[0], min(12, sum(pair))))


@given(st.sampled_from(["nested", "doubled", "open-ended"]), spans, spans)
def test_of_any_two_mentions_every_token_stays_and_spans_begin_at_markers(
    rule: Any, head: tuple[int, int], tail: tuple[int, int]
) -> None:
    at_end = (head[1] == 12, tail[1] == 12)
    order = mark(rule, 12, head, tail, at_end)
    kept = [i for i in order if i >= 0]
    assert sorted(set(kept)) == list(range(12))
    assert rule == "doubled" or kept == list(range(12))
    apart = head[1] <= tail[0] or tail[1] <= head[0]
    assert kept == list(range(12)) or not apart, "only mentions that overlap are written twice"
    for number, (found, span) in enumerate(zip(find_spans(order, head, tail), (head, tail), strict=True)):
        inside = order[found[0] : found[1]]
        assert inside[0] == -1 - 2 * number
        closed = rule != "open-ended" or not at_end[number]
        assert (inside[-1] == -2 - 2 * number) is closed
        assert [i for i in inside if i >= 0] == list(range(*span))


def test_two_mentions_of_the_same_words_are_written_twice_or_cross() -> None:
    assert mark("doubled", 3, (1, 2), (1, 2)) == [0, -1, 1, -2, -3, 1, -4, 2]
    assert mark("open-ended", 3, (1, 2), (1, 2)) == [0, -1, -3, 1, -2, -4, 2]
    assert mark("none", 3, (1, 2), (1, 2)) == [0, 1, 2]
