"""Mentions by the look of words, where there is no model: capitalized spans and @names.

It is a fallback for text that writes names with capitals, and finds no types. A run of words that begin with a capital
is a mention; what follows an @ is one of its own. Words that stand for no name (The, I, RT) are no part of one's
beginning; a word that is capitalized only because a sentence begins with it cannot be told from a name.
"""

from collections.abc import Sequence

from dgf.pipeline.posts import Mention

_NO_NAMES = (
    "a an and are as at be but by can did do does for from had has have he her here his how i i'm if in is it it's its "
    "just let me my no not now of off on or our out over rt she so some that the their there these they this those "
    "to today too up us was we were what when where which who why will with you your"
)
_NOT_FIRST = frozenset(_NO_NAMES.split())
_ENDS = tuple(",.;:!?)\"”'")
"""What a word ends in with which a name ends."""

_ADDRESS = ("http://", "https://", "www.")


def find_by_rules(tokens: Sequence[str]) -> tuple[Mention, ...]:
    """Find capitalized spans and @names among the words of a post."""
    places: list[tuple[int, int]] = []
    begins: int | None = None
    for place, word in enumerate(tokens):
        after_at = place > 0 and tokens[place - 1] == "@"
        handle = word.startswith("@") and len(word) > 1
        # what is a mention of its own, or is none, ends a run
        if after_at or handle or not _is_capitalized(word):
            if begins is not None:
                places.append((begins, place))
            begins = None
            if handle or (after_at and any(map(str.isalnum, word))):
                places.append((place, place + 1))
            continue
        begins = place if begins is None else begins
        if word.endswith(_ENDS):
            places.append((begins, place + 1))
            begins = None
    if begins is not None:
        places.append((begins, len(tokens)))
    named = [(_first_name(tokens, start, end), end) for start, end in places]
    return tuple(Mention(" ".join(tokens[start:end]), start, end) for start, end in named if start < end)


def _is_capitalized(word: str) -> bool:
    return word[0].isupper() and not word.startswith(_ADDRESS)


def _first_name(tokens: Sequence[str], start: int, end: int) -> int:
    """Where a run begins once words that stand for no name are left out."""
    while start < end and tokens[start].strip(".,;:!?'\"").casefold() in _NOT_FIRST:
        start += 1
    return start
