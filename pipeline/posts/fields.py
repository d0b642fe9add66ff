"""The checks that the fields of every row pass, whatever its layout."""

import re
from collections.abc import Mapping, Sequence

from dgf.pipeline.faults import RowError, show_value
from dgf.pipeline.posts.base import OBJECT, Mention, PhotoBox

_ALIKE = 4
"""Two strings that differ in so few characters may look alike."""

_SLASHES = re.compile(r"(?<!:)/+(\./+)*")


def text_field(value: object, name: str) -> str:
    """Check a string that will be written to files again; messages call it by `name`.

    Raises:
        RowError: It is not a string, is empty, or cannot be written as UTF-8.
    """
    if not isinstance(value, str):
        raise RowError(f"{name} must be a string, not {show_value(value)}", "wrong type")
    if not value.strip():
        raise RowError(f"{name} is empty", "empty text")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise RowError(f"{name} holds half a surrogate pair: {show_value(value)}", "encoding") from None
    return value


def optional_text_field(value: object, name: str) -> str | None:
    """Check a string as `text_field` does, unless it is None."""
    return None if value is None else text_field(value, name)


def check_shown(mentions: Sequence[Mention], image_ids: Sequence[str]) -> None:
    """Refuse an object of a photo that the row does not name."""
    if not image_ids and any(mention.box is not None for mention in mentions):
        raise RowError("a mention is a box in the photo, and the row names no photo", "box")


def image_field(value: object, name: str) -> str | None:
    """Check the name of a photo; None and the empty string mean that there is none. Repeated slashes become one.

    Whether the name stays inside its folder is checked when the photo is read, which records the reason.
    """
    if value is None or value == "":
        return None
    image = text_field(value, name)
    if "\0" in image:
        raise RowError(f"{name} holds a NUL character", "photo name")
    return plain_path(image)


def plain_path(image_id: str) -> str:
    """Collapse `p//x.jpg` and `./p/x.jpg` into `p/x.jpg`: one photo has one name."""
    return _SLASHES.sub("/", image_id).removeprefix("./") or image_id


def token_field(value: object, name: str) -> tuple[str, ...]:
    """Check the words of a post: a list of at least one string, none of them empty."""
    if not isinstance(value, list) or not value:
        raise RowError(f"{name} must be a list of words, not {show_value(value)}", "wrong type")
    return tuple(text_field(word, f"{name}[{index}]") for index, word in enumerate(value))


def mapping_field(value: object, name: str) -> Mapping[str, object]:
    """Check an inner object such as a mention."""
    if not isinstance(value, dict):
        raise RowError(f"{name} must be an object, not {show_value(value)}", "wrong type")
    return value


def span_field(value: object, name: str, length: int, unit: str = "words") -> tuple[int, int]:
    """Check a [start, end) pair against the length of what it points into.

    Raises:
        RowError: It is not a pair of whole numbers, is empty or backward, or leaves [0, length].
    """
    numbers = list(value) if isinstance(value, list | tuple) else []
    if len(numbers) != 2 or not all(type(number) is int for number in numbers):
        raise RowError(f"{name} must be [start, end) in {unit}, not {show_value(value)}", "span")
    start, end = numbers
    if start == end:
        raise RowError(f"{name} [{start}, {end}) is empty", "span")
    if start > end:
        raise RowError(f"{name} [{start}, {end}) ends before it starts", "span")
    if start < 0 or end > length:
        raise RowError(f"{name} [{start}, {end}) is out of range: the post has {length} {unit}", "span")
    return start, end


def check_name(name: str | None, covered: str, span: tuple[int, int], unit: str, of: str) -> None:
    """Refuse a mention whose name, where the row gives one, is not the text that its span (in `unit`) covers."""
    if name is not None and name != covered:
        start, end = span
        given, there = show_pair(name, covered)
        raise RowError(f"{of} name {given} differs from {unit} [{start}, {end}): {there}", "mention text")


def show_pair(one: str, other: str) -> tuple[str, str]:
    """Format two different strings for a message; with the code points where the eye may not tell them apart."""
    start = _common(one, other)
    rests = one[start:], other[start:]
    end = _common(rests[0][::-1], rests[1][::-1])
    parts = tuple(rest[: len(rest) - end] for rest in rests)
    if max(map(len, parts)) > _ALIKE or all(part.isascii() and part.isalnum() for part in parts if part):
        return show_value(one), show_value(other)
    points = [" ".join(f"U+{ord(character):04X}" for character in part) or "nothing" for part in parts]
    return f"{show_value(one)} ({points[0]} at character {start})", f"{show_value(other)} ({points[1]} there)"


def _common(one: str, other: str) -> int:
    """How many characters two strings begin with in common."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((index for index, (a, b) in pairs if a != b), min(len(one), len(other)))


def mention_of_words(
    tokens: Sequence[str], span: tuple[int, int], name: str | None, mention: Mapping[str, object], of: str
) -> Mention:
    """Check a mention whose span counts words: its name is what it covers, its type, if there is one, is text."""
    covered = " ".join(tokens[slice(*span)])
    check_name(name, covered, span, "words", of)
    return Mention(covered, *span, optional_text_field(mention.get("type"), f"{of} type"))


def box_field(value: object, name: str) -> PhotoBox:
    """Check a box: left, top, right and bottom as shares of the photo's width and height.

    Raises:
        RowError: It is not four numbers from 0 to 1, or has no area.
    """
    numbers = list(value) if isinstance(value, list | tuple) else []
    if len(numbers) != 4 or not all(type(number) in (int, float) and 0 <= number <= 1 for number in numbers):
        form = "[left, top, right, bottom], shares of the photo's width and height"
        raise RowError(f"{name} must be {form}, not {show_value(value)}", "box")
    left, top, right, bottom = map(float, numbers)
    if left >= right or top >= bottom:
        raise RowError(f"{name} has no area: {show_value(value)}", "box")
    return left, top, right, bottom


def add_objects(
    tokens: tuple[str, ...], mentions: Sequence[Mention | PhotoBox]
) -> tuple[tuple[str, ...], list[Mention]]:
    """Give each box among the mentions a word at the end of the words, so that it stands in the sentence as others do.

    Returns:
        The words, and every mention.
    """
    found = []
    for mention in mentions:
        if not isinstance(mention, Mention):
            tokens = (*tokens, OBJECT)
            mention = Mention(OBJECT, len(tokens) - 1, len(tokens), box=mention)
        found.append(mention)
    return tokens, found


def check_pair(head: Mention, tail: Mention) -> None:
    """Refuse a post whose two mentions are the same words or box (overlap is allowed: MNRE has nested mentions)."""
    if head.box is not None and head.box == tail.box:
        raise RowError(f"head and tail are the same box {list(head.box)}", "box")
    if (head.start, head.end) == (tail.start, tail.end):
        raise RowError(f"head and tail are the same words [{head.start}, {head.end}): {show_value(head.text)}", "span")


def relation_field(value: object, relations: frozenset[str] | None) -> str | None:
    """Check a label against the relations of the data set, where it lists them."""
    relation = optional_text_field(value, "relation")
    if relation is not None:
        relation = relation.replace("\\/", "/")  # an escape of JSON that came through other hands
    if relation is not None and relations is not None and relation not in relations:
        raise RowError(f"unknown relation {show_value(relation)}{_near(relation, relations)}", "relation")
    return relation


def _near(name: str, known: frozenset[str]) -> str:
    """What a name was probably meant to be, where only its case or slashes differ."""
    found = [other for other in known if other.casefold() == name.casefold()]
    return f"; did you mean {show_value(found[0])}?" if found else ""
