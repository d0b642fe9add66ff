"""UMRE: one literal a line with MNRE's keys, where head and tail are words or objects of the photo.

The files do not say what the four numbers of a box are; `find_form` tells it of each file.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from dgf.pipeline.posts.base import Post
from dgf.pipeline.posts.layouts.base import DataLayout, ReadContext, split_files
from dgf.pipeline.posts.layouts.mnre_keys.box_row import find_form, read_box_rows
from dgf.pipeline.posts.layouts.mnre_keys.mnre import IMAGE_FOLDER

_FILE = re.compile(r"(?P<split>train|val|valid|dev|test)_set\.json(\.gz)?")
_FORMS = {"middle": "middle, width and height", "corners": "left, top, right and bottom"}


def read_umre(path: Path, split: str, reading: ReadContext) -> Iterator[tuple[str, Post]]:
    """Read one split; rows get the ids `split:line`."""
    form = find_form(path)
    reading.log.notes.append(f"{path}: boxes are read as {_FORMS[form]}")
    yield from read_box_rows(path, split, reading, form)


UMRE = DataLayout(
    name="umre",
    files="{train,val,test}_set.json, one literal a line",
    find=lambda path: split_files(path, _FILE, (".", "txt")),
    claims=lambda path: True,
    read=read_umre,
    photos=(IMAGE_FOLDER, "images"),
)
