"""UMRE: one literal a line with MNRE's keys, where head and tail are words or objects of the photo.

The files do not say what the four numbers of a box are; `find_form` tells it of all files together.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from dgf.pipeline.posts.base import Post
from dgf.pipeline.posts.layouts.base import SPLIT_NAME, DataLayout, ReadContext, split_files
from dgf.pipeline.posts.layouts.mnre_keys.box_row import find_form, read_box_rows
from dgf.pipeline.posts.layouts.mnre_keys.mnre import IMAGE_FOLDER
from dgf.pipeline.posts.layouts.mnre_keys.row import first_row
from dgf.pipeline.posts.layouts.peek import first_keys

_FILE = re.compile(rf"{SPLIT_NAME}_set\.json(\.gz)?")
_FORMS = {"middle": "middle, width and height", "corners": "left, top, right and bottom"}


def read_umre(path: Path, split: str, reading: ReadContext) -> Iterator[tuple[str, Post]]:
    """Read one split; rows get the ids `split:line`."""
    found = reading.ask_all(find_form)
    form = found or "middle"
    if found is None:
        fault = f"no box tells what its four numbers are: any is read as {_FORMS[form]}"
        reading.log.warn(path, None, fault, "box")
    reading.log.notes.append(f"{path}: boxes are read as {_FORMS[form]}")
    yield from read_box_rows(path, split, reading, form)


def is_umre(path: Path) -> bool:
    """Whether a file begins with rows that have MNRE's keys."""
    return {"token", "h"} <= {*(first_row(path) or ()), *first_keys(path)}


UMRE = DataLayout(
    name="umre",
    files="{train,val,test}_set.json, one literal a line",
    find=lambda path: split_files(path, _FILE, (".", "txt")),
    claims=is_umre,
    read=read_umre,
    photos=(IMAGE_FOLDER, "images"),
)
