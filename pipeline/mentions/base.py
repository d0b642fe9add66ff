"""What finds mentions: a function from a post, its text or its words, to where the mentions stand in it."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from dgf.pipeline.faults import RowError, show_value
from dgf.pipeline.mentions.text_words import words_of_text
from dgf.pipeline.posts import FoundMention, Mention, MentionFinder

GivenMention = Mention | tuple[int, int] | tuple[int, int, str | None]
"""What a finder of one's own may give: [start, end) in words or in characters of the text, and perhaps a type."""


def checked(finder: Callable[[Any], Iterable[GivenMention]]) -> MentionFinder:
    """Make a finder of a function that is given a text or words, whose answers are checked.

    The finder raises a RowError, a fault of that post, where the function gives something else, or what is not in it.
    """

    def find(post: str | Sequence[str]) -> list[FoundMention]:
        found = {}
        unit = "characters" if isinstance(post, str) else "words"
        answer = finder(post)
        if not isinstance(answer, Iterable):
            raise RowError(f"the finder of mentions gave {show_value(answer)}, not a list of mentions", "mentions")
        for given in answer:
            start, end, kind = _place(given)
            if not 0 <= start < end <= len(post):
                place = f"[{start}, {end}) of a post of {len(post)} {unit}"
                raise RowError(f"the finder of mentions gave {place}: it must give [start, end) in {unit}", "mentions")
            found[start, end] = FoundMention(start, end, kind)
        return [found[place] for place in sorted(found)]

    return find


def over_words(finder: Callable[[Sequence[str]], Iterable[GivenMention]]) -> MentionFinder:
    """Make a finder of a function that reads nothing but words: those of a text have punctuation apart."""
    find_among = checked(finder)

    def find(post: str | Sequence[str]) -> list[FoundMention]:
        if not isinstance(post, str):
            return list(find_among(post))
        words = words_of_text(post)
        found = find_among([post[start:end] for start, end in words])
        return [FoundMention(words[of.start][0], words[of.end - 1][1], of.type) for of in found]

    return find


def _place(given: object) -> tuple[int, int, str | None]:
    if isinstance(given, Mention):
        return given.start, given.end, given.type
    parts = tuple(given) if isinstance(given, tuple | list) else ()
    if len(parts) == 2:
        parts = (*parts, None)
    match parts:
        case int(start), int(end), str() | None as kind:
            return start, end, kind
    wanted = "it must give mentions, (start, end) or (start, end, type)"
    raise RowError(f"the finder of mentions gave {show_value(given)}: {wanted}", "mentions")
