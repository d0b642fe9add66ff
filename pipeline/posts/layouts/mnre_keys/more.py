"""MORE: one literal a line with MNRE's keys, where the tail is an object of the photo: {"name": ..., "box": [...]}.

A box is its middle, width and height, as shares of the photo's sides.
"""

import re

from dgf.pipeline.posts.layouts.base import SPLIT_NAME, DataLayout, split_files
from dgf.pipeline.posts.layouts.mnre_keys.box_row import read_box_rows
from dgf.pipeline.posts.layouts.mnre_keys.mnre import IMAGE_FOLDER
from dgf.pipeline.posts.layouts.peek import peek

_FILE = re.compile(rf"{SPLIT_NAME}\.txt(\.gz)?")
_BOX = re.compile(r"""(['"])box\1\s*:""")

MORE = DataLayout(
    name="more",
    files="txt/{train,valid,test}.txt, literals whose tail has a box",
    find=lambda path: split_files(path, _FILE, ("txt", ".")),
    claims=lambda path: _BOX.search(peek(path)) is not None,
    read=lambda path, split, reading: read_box_rows(path, split, reading, "middle"),
    photos=(IMAGE_FOLDER, "images"),
)
