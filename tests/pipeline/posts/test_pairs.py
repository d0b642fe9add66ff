"""Pairs of a post's mentions are each what a post of these two alone would be, though the words are cut once."""

import time
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dgf.pipeline.faults import RowError
from dgf.pipeline.posts import FoundMention, pair_mentions

HORSE = "\N{HORSE}"


def cut_naively(text: str, edges: set[int]) -> list[tuple[int, int]]:
    """[start, end) of the pieces of a text between white space and edges, a character after another."""
    pieces: list[tuple[int, int]] = []
    for at, character in enumerate(text):
        if character.isspace():
            continue
        if pieces and pieces[-1][1] == at and at not in edges:
            pieces[-1] = (pieces[-1][0], at + 1)
        else:
            pieces.append((at, at + 1))
    return pieces


def units(text: str, at: int) -> int:
    return len(text[:at].encode("utf-16-le")) // 2


@given(st.text(alphabet=f"ab{HORSE} \u2003,", min_size=2, max_size=30), st.data())
def test_a_pair_is_what_a_post_of_its_two_mentions_is(text: str, data: st.DataObject) -> None:
    inside = st.tuples(st.integers(0, len(text) - 1), st.integers(1, len(text))).filter(
        lambda span: span[0] < span[1] and not text[span[0]].isspace() and not text[span[1] - 1].isspace()
    )
    if not text.strip():
        return
    spans = data.draw(st.lists(inside, min_size=2, max_size=5, unique=True))
    utf16 = [data.draw(st.booleans()) for _ in spans]
    mentions = [
        {"span": [units(text, at) for at in span], "unit": "utf16"} if wide else {"span": list(span)}
        for span, wide in zip(spans, utf16, strict=True)
    ]
    pairs = pair_mentions({"id": "a", "text": text, "mentions": mentions}, "x")
    assert len(pairs) == len(spans) * (len(spans) - 1)
    for ((i, head), (j, tail)), pair in zip(permutations(enumerate(spans), 2), pairs, strict=True):
        pieces = cut_naively(text, {*head, *tail})
        assert pair.post.id == f"a#{i}-{j}" and pair.post.tokens == tuple(text[a:b] for a, b in pieces)
        for span, mention in ((head, pair.post.head), (tail, pair.post.tail)):
            assert mention.text == text[slice(*span)]
            assert (pieces[mention.start][0], pieces[mention.end - 1][1]) == span


def test_thousands_of_pairs_take_a_moment() -> None:
    text = " ".join(f"w{number:04d}" for number in range(900)) + HORSE
    mentions = [{"span": [60 * number + 1, 60 * number + 5], "unit": "utf16"} for number in range(64)]
    started = time.process_time()
    pairs = pair_mentions({"text": text, "mentions": mentions}, "x")
    assert len(pairs) == 64 * 63 and pairs[0].post.tokens[0] == "w"
    assert time.process_time() - started < 3  # 11 seconds before


@pytest.mark.parametrize(
    ("more", "fault"),
    [({"image": 7}, "image must be a string"), ({"id": " "}, "id is empty"), ({"text": "", "tokens": []}, "not both")],
)
@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_row_is_checked_however_few_mentions_are_found(more: dict[str, Any], fault: str, count: int) -> None:
    found = [FoundMention(0, 1), FoundMention(2, 3)][:count]
    row = {"text": "a b", **more}
    if "tokens" in more:
        row["tokens"] = ["a", "b"]
    with pytest.raises(RowError, match=fault):
        pair_mentions(row, "x", finder=lambda post: found)
