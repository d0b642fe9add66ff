"""What finds mentions: a function from the words of a post to the mentions in them."""

from collections.abc import Callable, Iterable, Sequence

from dgf.pipeline.errors import UserError
from dgf.pipeline.faults import show_value
from dgf.pipeline.posts import Mention

MentionFinder = Callable[[Sequence[str]], tuple[Mention, ...]]
"""From words to mentions, in the order of the words; no two of the same words."""

FoundSpan = tuple[int, int] | tuple[int, int, str | None]
"""[start, end) in words, and perhaps a type."""


def checked(finder: Callable[[Sequence[str]], Iterable[Mention | FoundSpan]]) -> MentionFinder:
    """Make a finder of a function that gives mentions or places, whose answers are checked.

    The finder raises a UserError where the function gives something else, or what is not in the post.
    """

    def find(tokens: Sequence[str]) -> tuple[Mention, ...]:
        found = {}
        for given in finder(tokens):
            start, end, kind = _place(given)
            if not 0 <= start < end <= len(tokens):
                raise UserError(
                    f"the finder of mentions gave [{start}, {end}) of a post of {len(tokens)} words",
                    "It must give [start, end) in words.",
                )
            found[start, end] = Mention(" ".join(tokens[start:end]), start, end, kind)
        return tuple(found[place] for place in sorted(found))

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
    raise UserError(
        f"the finder of mentions gave {show_value(given)}", "It must give mentions, (start, end) or (start, end, type)."
    )
