"""Spans into a text: in characters, words or UTF-16 units, and those that seem to count another unit than they say."""

import re
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from itertools import accumulate
from typing import Literal

from dgf.pipeline.faults import RowError, show_value
from dgf.pipeline.posts.fields import span_field

SpanUnit = Literal["characters", "utf16"]
"""What spans into a text count where they do not say."""

_WORD = re.compile(r"\S+")

_SAY_UTF16 = 'give --span-unit utf16, or "unit": "utf16" beside each such span'

_UNITS = {"code points": "characters", "codepoints": "characters", "utf-16": "utf16"}


def span_unit_of(mention: Mapping[str, object], of: str, default: str) -> str:
    """The unit of a mention's span: words, characters or utf16; `default` where it says none, words for tokens."""
    given = mention.get("unit") or default
    unit = _UNITS.get(given, given) if isinstance(given, str) else given
    if unit not in ("words", "characters", "utf16"):
        raise RowError(f'{of} unit must be "words", "characters" or "utf16", not {show_value(unit)}', "span")
    if unit != "words" and default == "words":
        raise RowError(f"{of} span is in {unit}, but the post has tokens: give it in words, or give text", "span")
    return str(unit)


class WordedText:
    """A text and its words, which are cut at white space once, however many mentions point into it.

    Attributes:
        text: As it was given.
        words: [start, end) of each word.
        tokens: The words.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.words = split_words(text)
        self.tokens = tuple(text[start:end] for start, end in self.words)

    @cached_property
    def utf16(self) -> list[int]:
        """See `utf16_starts`."""
        return utf16_starts(self.text)

    def cut_at(self, edges: Iterable[int]) -> tuple[list[tuple[int, int]], tuple[str, ...]]:
        """The words, and where they are, once they are also cut at these edges."""
        words = cut_words(self.words, edges)
        if len(words) == len(self.words):
            return words, self.tokens
        return words, tuple(self.text[start:end] for start, end in words)


def characters_of(worded: WordedText, mention: Mapping[str, object], of: str, span_unit: SpanUnit) -> tuple[int, int]:
    """The span of a mention in characters, without white space at its ends."""
    text, words = worded.text, worded.words
    unit, name = span_unit_of(mention, of, span_unit), f"{of} span"
    if unit == "words":
        start, end = span_field(mention.get("span"), name, len(words))
        return words[start][0], words[end - 1][1]
    if unit == "utf16":
        starts = worded.utf16
        units = span_field(mention.get("span"), name, starts[-1], "UTF-16 units")
        start, end = (bisect_left(starts, at) for at in units)
        if (starts[start], starts[end]) != units:
            raise RowError(f"{name} {list(units)} ends within a character", "span")
    else:
        try:
            start, end = span_field(mention.get("span"), name, len(text), "characters")
        except RowError as error:
            fits = mention.get("unit") is None and as_utf16(text, mention.get("span")) is not None
            hint = f"; it would fit in UTF-16 units: {_SAY_UTF16}" if fits else ""
            raise RowError(f"{error}{hint}", error.kind) from None
    covered = text[start:end]
    if not covered.strip():
        raise RowError(f"{name} [{start}, {end}) covers white space alone", "span")
    return start + len(covered) - len(covered.lstrip()), end - len(covered) + len(covered.rstrip())


def split_words(text: str) -> list[tuple[int, int]]:
    """[start, end) of each word: split at white space."""
    return [match.span() for match in _WORD.finditer(text)]


def cut_words(words: Sequence[tuple[int, int]], cuts: Iterable[int]) -> list[tuple[int, int]]:
    """Split the words, which are in their order, at the cuts that lie within one."""
    parts = [*words]
    for cut in cuts:
        place = bisect_left(parts, (cut,)) - 1  # of the last word that begins before the cut
        if place >= 0 and cut < parts[place][1]:
            start, end = parts[place]
            parts[place : place + 1] = [(start, cut), (cut, end)]
    return parts


def find_words(words: str, within: str | Sequence[str]) -> list[tuple[int, int]]:
    """Find every place where the words of a mention stand: [start, end) in characters of a text, or in given words.

    In a text those that cut no word count alone, if there are any: not every script has spaces between words.
    """
    text, size = within if isinstance(within, str) else " ".join(within), len(words)
    starts = range(len(text) - size + 1) if words else ()
    spans = [(start, start + size) for start in starts if text.startswith(words, start)]
    if isinstance(within, str):
        return [span for span in spans if not cuts_word(text, *span)] or spans
    edges = list(accumulate((len(word) + 1 for word in within), initial=0))
    numbers = {edge: number for number, edge in enumerate(edges)}
    return [(numbers[start], numbers[end + 1]) for start, end in spans if {start, end + 1} <= numbers.keys()]


def utf16_starts(text: str) -> list[int]:
    """Where each character begins in UTF-16 units, and the number of units."""
    return list(accumulate((2 if ord(character) > 0xFFFF else 1 for character in text), initial=0))


def as_utf16(text: str, span: object) -> tuple[int, int] | None:
    """What a span would be in characters if it counted UTF-16 units; None where it would be the same or is none."""
    if not (isinstance(span, list) and len(span) == 2 and all(type(number) is int for number in span)):
        return None
    starts = utf16_starts(text)
    if starts[-1] == len(text) or not {*span} <= {*starts} or span[0] >= span[1]:
        return None
    start, end = (starts.index(at) for at in span)
    return (start, end) if [start, end] != span else None


def explain_mismatch(text: str, mention: Mapping[str, object], name: str | None) -> str:
    """Say that a mention's text is what its span covers in UTF-16 units, where that is so."""
    other = as_utf16(text, mention.get("span")) if mention.get("unit") is None else None
    if other is None or text[slice(*other)] != name:
        return ""
    return f"; it is what the span covers in UTF-16 units ({list(other)} in characters): {_SAY_UTF16}"


def doubtful_spans(row: Mapping[str, object], span_unit: SpanUnit) -> list[str]:
    """Say which spans of a good row cut a word, would not in UTF-16 units, and have no text to be checked by."""
    text, found = row.get("text"), []
    if span_unit != "characters" or not isinstance(text, str) or text.isascii():
        return []
    for of in ("head", "tail"):
        mention = row.get(of)
        if not isinstance(mention, Mapping) or {"unit", "text", "name"} & {
            k for k, v in mention.items() if v is not None
        }:
            continue
        span, other = mention.get("span"), as_utf16(text, mention.get("span"))
        if other is None or not isinstance(span, list) or cuts_word(text, *other) or not cuts_word(text, *span):
            continue
        found.append(
            f"{of} span {span} cuts a word: it covers {show_value(text[slice(*span)])}; in UTF-16 units, as JavaScript "
            f"and Java count, it is {list(other)} in characters, {show_value(text[slice(*other)])}: "
            f"{_SAY_UTF16}"
        )
    return found


def cuts_word(text: str, start: int, end: int) -> bool:
    """Whether an edge of a span stands within a word, or the span has space at its ends."""
    within = any(0 < at < len(text) and text[at - 1].isalnum() and text[at].isalnum() for at in (start, end))
    return within or text[start:end] != text[start:end].strip()
