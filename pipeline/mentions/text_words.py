"""The words of a text as a finder of mentions reads them: punctuation stands apart, addresses and @names are whole."""

import re

_WORD = re.compile(
    r"""
    (?:https?://|www\.)\S+          # an address of the web
    | (?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+  # one of mail; bounds keep it fast
    | @\w+
    | (?:[^\W\d_]\.){2,}            # U.S.
    | \w+(?:[&'\u2019-](?!s\b)\w+)*      # AT&T, O'Neil, Jean-Luc; not the 's of Ann's
    | ['\u2019]s\b
    | \S
    """,
    re.VERBOSE,
)


def words_of_text(text: str) -> list[tuple[int, int]]:
    """[start, end) of each word of a text, in characters."""
    return [match.span() for match in _WORD.finditer(text)]
