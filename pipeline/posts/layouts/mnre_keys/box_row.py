"""Rows with MNRE's keys whose mentions may be objects of the photo, as MORE and UMRE have them."""

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Literal

from dgf.pipeline.errors import UserError
from dgf.pipeline.faults import RowError, show_value
from dgf.pipeline.lines import parse_rows, read_objects
from dgf.pipeline.posts.base import Mention, PhotoBox, Post
from dgf.pipeline.posts.fields import box_field, mapping_field, relation_field, token_field
from dgf.pipeline.posts.layouts.base import ReadContext, in_any_folder
from dgf.pipeline.posts.layouts.mnre_keys.row import (
    image_of_row,
    mention_field,
    parse_row,
    post_of_row,
    required_key,
)

BoxForm = Literal["middle", "corners"]
"""What the four numbers of a box are: its middle, width and height; or left, top, right and bottom."""

_BEYOND = 0.02
"""By how much a box may leave the photo through rounding."""


def read_box_rows(path: Path, split: str, reading: ReadContext, form: BoxForm) -> Iterator[tuple[str, Post]]:
    """Read one split; rows get the ids `split:line`."""
    for number, row in read_objects(path, reading.log, empty="holds no row", parse=parse_row):
        with reading.log.at(path, number):
            tokens = token_field(required_key(row, "token"), "token")
            mentions = [_mention_or_box(row, key, tokens, form) for key in ("h", "t")]
            images = in_any_folder(image_of_row(row), split)
            relation = relation_field(row.get("relation"), reading.relations)
            yield split, post_of_row(tokens, f"{split}:{number}", mentions, images, relation)


def find_form(files: Iterable[Path]) -> BoxForm | None:
    """Tell what the numbers of boxes are by those that can only be the one or the other; None where none tells.

    All files of a data set are asked together, so that the same numbers are the same box in each of them.
    """
    votes: dict[BoxForm, int] = {"middle": 0, "corners": 0}
    doubtful = 0
    for path in files:
        with contextlib.suppress(UserError):  # whoever reads the rows says so
            for box in _boxes(path):
                possible = [form for form in votes if _possible(box, form)]
                if len(possible) == 1:
                    votes[possible[0]] += 1
                doubtful += len(possible) == 2
    if doubtful and not any(votes.values()):
        return None
    return "middle" if votes["middle"] >= votes["corners"] else "corners"


def _boxes(path: Path) -> Iterator[object]:
    rows = (row for _, row in parse_rows(path, parse_row) if not isinstance(row, RowError))
    found = (_numbers(row.get(key)) for row in rows for key in ("h", "t"))
    yield from (box for box in found if box is not None)


def _numbers(mention: object) -> object:
    """The four numbers of a mention that is a box: under `box`, or as a `pos` of four; None for another mention."""
    if not isinstance(mention, dict):
        return None
    if mention.get("box") is not None:
        return mention["box"]
    place = mention.get("pos")
    return place if isinstance(place, list | tuple) and len(place) == 4 else None


def _possible(box: object, form: BoxForm) -> bool:
    try:
        _box(box, "box", form)
    except RowError:
        return False
    return True


def _box(given: object, name: str, form: BoxForm) -> PhotoBox:
    """Check a box of that form."""
    numbers = list(given) if isinstance(given, list | tuple) else []
    if len(numbers) != 4 or not all(type(number) in (int, float) for number in numbers):
        raise RowError(f"{name} must be four numbers, not {show_value(given)}", "box")
    if form == "middle":
        x, y, width, height = numbers
        numbers = [x - width / 2, y - height / 2, x + width / 2, y + height / 2]
    numbers = [min(max(number, 0), 1) if -_BEYOND <= number <= 1 + _BEYOND else number for number in numbers]
    try:
        return box_field(numbers, name)
    except RowError as error:
        of = ", of the middle, width and height" if form == "middle" else ""
        raise RowError(f"{error}{of} {show_value(given)}" if of else str(error), error.kind) from None


def _mention_or_box(row: Mapping[str, object], key: str, tokens: tuple[str, ...], form: BoxForm) -> Mention | PhotoBox:
    mention = mapping_field(required_key(row, key), key)
    numbers = _numbers(mention)
    if numbers is not None:
        return _box(numbers, f"{key} box", form)
    name = mention.get("name")
    if isinstance(name, list) and all(isinstance(word, str) for word in name):
        mention = {**mention, "name": " ".join(name)}
    return mention_field({key: mention}, key, tokens)
