"""The layout that MNRE, MEGA and HVPNeT users have: one Python literal (or JSON object) per line, photos by split."""

import re
from collections.abc import Iterator
from pathlib import Path

from dgf.pipeline.lines import read_objects
from dgf.pipeline.posts.base import Post
from dgf.pipeline.posts.layouts.base import SPLIT_NAME, DataLayout, ReadContext, in_split_folders, split_files
from dgf.pipeline.posts.layouts.mnre_keys.row import image_of_row, parse_row, text_post_of_row
from dgf.pipeline.posts.layouts.peek import first_keys

IMAGE_FOLDER = "img_org"
TEXT_FOLDERS = ("txt", "mnre_txt", ".")
# The data set's own repository has a file `mnre_val .txt`, with that space.
_FILE = re.compile(rf"(ours|mnre)_{SPLIT_NAME} ?\.txt(\.gz)?")


def find_mnre(path: Path) -> dict[str, Path]:
    """Find the text file of each split: `txt/ours_train.txt`, `mnre_txt/mnre_val .txt`, ...; or the file itself."""
    return split_files(path, _FILE, TEXT_FOLDERS)


def read_mnre(path: Path, split: str, reading: ReadContext) -> Iterator[tuple[str, Post]]:
    """Read one split; rows get the ids `split:line`."""
    for number, row in read_objects(path, reading.log, empty="holds no row", parse=parse_row):
        with reading.log.at(path, number):
            images = in_split_folders(image_of_row(row), split)
            yield split, text_post_of_row(row, f"{split}:{number}", images, reading.relations)


MNRE = DataLayout(
    name="mnre",
    files="txt/ours_{train,val,test}.txt or mnre_txt/mnre_{train,val,test}.txt",
    find=find_mnre,
    claims=lambda path: not {"head", "tail"} <= first_keys(path),
    read=read_mnre,
    photos=(IMAGE_FOLDER,),
)
