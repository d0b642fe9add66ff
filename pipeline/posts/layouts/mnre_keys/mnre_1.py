"""MNRE's first version: MNRE's keys, 30 relations and `none`, and photos that are numbers in some copies of it."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from dgf.pipeline.lines import read_objects
from dgf.pipeline.posts.base import Post
from dgf.pipeline.posts.layouts.base import SPLIT_NAME, DataLayout, ReadContext, in_any_folder, split_files
from dgf.pipeline.posts.layouts.mnre_keys.mnre import IMAGE_FOLDER, TEXT_FOLDERS, find_mnre
from dgf.pipeline.posts.layouts.mnre_keys.row import first_row, image_of_row, parse_row, text_post_of_row

_OWN_NAME = re.compile(rf"mnre_org_{SPLIT_NAME}\.txt(\.gz)?")
_FOLDERS = (*TEXT_FOLDERS, "Version-1", "Version-1/mnre_txt")


def find_mnre_1(path: Path) -> Mapping[str, Path]:
    """Find the file of each split by the name of the first version, or by MNRE's."""
    return split_files(path, _OWN_NAME, _FOLDERS) or find_mnre(path)


def is_mnre_1(path: Path) -> bool:
    """Whether a file is of the first version: by its name, or because its photos are numbers."""
    row = None if _OWN_NAME.fullmatch(path.name) else first_row(path)
    return bool(_OWN_NAME.fullmatch(path.name)) or (row is not None and type(row.get("img_id")) is int)


def read_mnre_1(path: Path, split: str, reading: ReadContext) -> Iterator[tuple[str, Post]]:
    """Read one split; rows get the ids `split:line`. The photo 17 is the file `17.jpg`."""
    for number, row in read_objects(path, reading.log, empty="holds no row", parse=parse_row):
        with reading.log.at(path, number):
            given = row.get("img_id")
            image = f"{given}.jpg" if type(given) is int else image_of_row(row)
            yield split, text_post_of_row(row, f"{split}:{number}", in_any_folder(image, split), reading.relations)


MNRE_1 = DataLayout(
    name="mnre-1",
    files="mnre_org_{train,val,test}.txt, or MNRE's names where img_id is a number",
    find=find_mnre_1,
    claims=is_mnre_1,
    read=read_mnre_1,
    photos=(IMAGE_FOLDER, "images"),
)
