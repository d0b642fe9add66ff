"""Spans that count UTF-16 units: read where they say so, and told where they do not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dgf.pipeline.faults import RowError
from dgf.pipeline.posts.spans import (
    WordedText,
    as_utf16,
    characters_of,
    doubtful_spans,
    find_words,
    span_unit_of,
    utf16_starts,
)

HORSE = "\N{HORSE}"


@given(st.text(max_size=20))
def test_starts_are_those_of_utf16(text: str) -> None:
    units = [len(text[:index].encode("utf-16-le", "surrogatepass")) // 2 for index in range(len(text) + 1)]
    assert utf16_starts(text) == units


@given(st.text(alphabet=f"ab {HORSE}", min_size=1, max_size=12), st.data())
def test_a_span_of_units_covers_the_same_text(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    starts = utf16_starts(text)
    found = as_utf16(text, [starts[start], starts[end]])
    assert found in (None, (start, end))
    assert (found is None) == ([starts[start], starts[end]] == [start, end] or HORSE not in text)


@pytest.mark.parametrize("span", [[0, 1], [1, 2], [1, 3], [2, 4]])
def test_a_span_of_units_within_a_character_is_refused(span: list[int]) -> None:
    with pytest.raises(RowError, match=r"head span \[\d, \d\] ends within a character"):
        characters_of(WordedText(f"{HORSE} {HORSE}"), {"span": span, "unit": "utf16"}, "head", "characters")


@pytest.mark.parametrize("span", [None, [1], ["a", 2], [0, 99], [2, 2], [1, 2], [True, 2]])
def test_what_is_no_span_of_units_has_no_other_reading(span: object) -> None:
    assert as_utf16(f"{HORSE} Ada", span) is None


def test_only_spans_that_cut_a_word_and_would_not_are_doubted() -> None:
    text = f"{HORSE} Ada met Bram"
    spans = {"head": {"span": [3, 6]}, "tail": {"span": [11, 15]}}
    assert len(doubtful_spans({"text": text, **spans}, "characters")) == 2
    assert doubtful_spans({"text": text, **spans}, "utf16") == []
    good = {"head": {"span": [2, 5]}, "tail": {"span": [10, 14]}}
    assert doubtful_spans({"text": text, **good}, "characters") == []
    named = {"head": {"span": [3, 6], "text": "da "}, "tail": {"span": [10, 14]}}
    assert doubtful_spans({"text": text, **named}, "characters") == []
    assert doubtful_spans({"text": "Ada met Bram", **spans}, "characters") == []


def test_units_have_other_names_and_no_others() -> None:
    assert [span_unit_of({"unit": unit}, "head", "characters") for unit in ("utf-16", "code points", None)] == [
        "utf16", "characters", "characters",
    ]  # fmt: skip
    for unit, default in (("bytes", "characters"), (5, "characters"), ("utf16", "words")):
        with pytest.raises(RowError):
            span_unit_of({"unit": unit}, "head", default)


@pytest.mark.parametrize(
    ("words", "within", "places"),
    [
        ("Ann", "Annabel met Ann", [(12, 15)]),
        ("ha ha", "ha ha ha", [(0, 5), (3, 8)]),
        ("東京", "私は東京にいる", [(2, 4)]),
        ("Bo", "Ann", []),
        ("", "Ann", []),
        ("Bo Lee", ["Bo", "Lee", "met", "Bo Lee"], [(0, 2), (3, 4)]),
        ("ha ha", ["ha", "ha", "ha"], [(0, 2), (1, 3)]),
        ("o L", ["Bo", "Lee"], []),
        ("Ann", [], []),
    ],
)
def test_words_are_found_wherever_they_stand(
    words: str, within: str | list[str], places: list[tuple[int, int]]
) -> None:
    assert find_words(words, within) == places
