"""Mentions found where none are given."""

import builtins
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dgf.pipeline.errors import UserError
from dgf.pipeline.faults import RowError
from dgf.pipeline.mentions import build_finder, find_by_rules
from dgf.pipeline.posts import FoundMention, Mention


def texts(sentence: str) -> list[str]:
    return [mention.text for mention in find_by_rules(sentence.split())]


def test_capitalized_spans_and_names_behind_an_at() -> None:
    assert texts("I met Elena Salvatore from The White House today") == ["Elena Salvatore", "White House"]
    assert texts("RT @ ninadobrev : hello @jack and # India") == ["ninadobrev", "@jack", "India"]
    assert texts("Ann, Bo and Cy went to New York. They sang") == ["Ann,", "Bo", "Cy", "New York."]
    assert texts("see HTTPS://t.co/X and https://t.co/X or a b") == ["HTTPS://t.co/X"]
    assert texts("@ @ : it rains") == []


def test_a_text_is_read_with_its_punctuation_apart() -> None:
    text = 'Ann\'s "Bo", (Jean-Luc) of AT&T in U.S. met @jack #India: ann@x.org https://X.org/Y, O\u2019Neil\u2019s'
    found = [text[of.start : of.end] for of in build_finder("rules")(text)]
    assert found == ["Ann", "Bo", "Jean-Luc", "AT&T", "U.S.", "@jack", "India", "O\u2019Neil"]


def test_a_long_row_of_dots_is_read_once() -> None:
    assert build_finder("rules")("." * 200_000 + " Ann") == [FoundMention(200_001, 200_004)]


@given(st.lists(st.text(min_size=1, max_size=6), max_size=12))
def test_what_the_rules_find_is_in_the_post_and_in_order(tokens: list[str]) -> None:
    found = find_by_rules(tokens)
    assert all(mention.text == " ".join(tokens[mention.start : mention.end]) for mention in found)
    edges = [edge for mention in found for edge in (mention.start, mention.end)]
    assert edges == sorted(edges) and all(mention.start < mention.end for mention in found)


def test_a_function_of_ones_own_is_checked() -> None:
    finder = build_finder(lambda post: [(2, 3, "per"), (0, 1), Mention("whatever", 0, 2, "loc"), (0, 1)])
    expected = [FoundMention(0, 1), FoundMention(0, 2, "loc"), FoundMention(2, 3, "per")]
    assert finder(["a", "b", "c"]) == finder("abc") == expected
    with pytest.raises(RowError, match=r"\[2, 3\) of a post of 2 characters"):
        finder("ab")
    wrong = {(0, 4): "[0, 4) of a post of 3 words", (1, 1): "[1, 1)", "ab": "gave 'ab'", None: "gave None"}
    for answer, message in wrong.items():
        with pytest.raises(RowError) as caught:
            build_finder(lambda tokens, answer=answer: [answer])(["a", "b", "c"])
        assert message in str(caught.value)
    for no_list in (None, 7):
        with pytest.raises(RowError, match=f"gave {no_list}, not a list of mentions"):
            build_finder(lambda tokens, answer=no_list: answer)(["a"])


@pytest.mark.parametrize("how", ["", "spacy", "spacy:", "rule", "nltk:x"])
def test_another_way_is_refused(how: str) -> None:
    with pytest.raises(UserError, match="no such way to find mentions"):
        build_finder(how)


def test_without_spacy_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    imported = builtins.__import__

    def without(name: str, *more: Any) -> Any:
        if name == "spacy":
            raise ImportError(name)
        return imported(name, *more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UserError, match="spaCy is not installed") as caught:
        build_finder("spacy:en_core_web_sm")
    assert caught.value.hint is not None and "`rules`" in caught.value.hint


def test_a_model_of_spacy_reads_the_words_as_they_are(tmp_path: Path) -> None:
    spacy = pytest.importorskip("spacy", reason="pip install 'dgf[spacy]'")
    model = spacy.blank("en")
    names = {"PERSON": "Ann", "GPE": "New York", "DATE": "Monday", "EVENT": "Cup"}
    model.add_pipe("entity_ruler").add_patterns([{"label": of, "pattern": name} for of, name in names.items()])
    model.to_disk(tmp_path / "model")
    tokens = ["Ann", "sees", "the", "Cup", "in", "New", "York", "on", "Monday"]
    finder = build_finder(f"spacy:{tmp_path / 'model'}")
    assert finder(tokens) == [FoundMention(0, 1, "per"), FoundMention(3, 4, "misc"), FoundMention(5, 7, "loc")]
    text = "Ann sees (in New York)"
    assert [text[of.start : of.end] for of in finder(text)] == ["Ann", "New York"]
    with pytest.raises(UserError, match="spacy:no_such_model"):
        build_finder("spacy:no_such_model")
