"""The layout that MNRE, MEGA and HVPNeT users have: one Python literal (or JSON object) per line, photos by split."""

from collections.abc import Iterator
from pathlib import Path

from dgf.pipeline.errors import UserError
from dgf.pipeline.lines import read_objects
from dgf.pipeline.posts.base import Post
from dgf.pipeline.posts.layouts.base import SPLITS, DataLayout, ReadContext
from dgf.pipeline.posts.layouts.mnre_keys.row import image_of_row, in_split_folders, parse_row, text_post_of_row

IMAGE_FOLDER = "img_org"
TEXT_FOLDERS = ("txt", "mnre_txt", ".")
# The data set's own repository has a file `mnre_val .txt`, with that space.
_NAMES = {"train": ("train",), "val": ("val", "dev", "valid", "validation"), "test": ("test",)}


def find_mnre_files(root: Path) -> dict[str, Path]:
    """Find the text file of each split: `txt/ours_train.txt`, `mnre_txt/mnre_val .txt`, ...

    Returns:
        Split -> file, in the order train, val, test; empty if this is no such folder.

    Raises:
        UserError: A split has more than one file.
    """
    found: dict[str, Path] = {}
    for split in SPLITS:
        files = [
            file
            for folder in TEXT_FOLDERS
            for prefix in ("ours", "mnre")
            for name in _NAMES[split]
            for end in (".txt", ".txt.gz", " .txt", " .txt.gz")
            if (file := root / folder / f"{prefix}_{name}{end}").is_file()
        ]
        if len(files) > 1:
            two = f"{files[0]} and {files[1]}"
            raise UserError(f"{root}: two files for the split {split}: {two}", "Keep one of them in the folder.")
        if files:
            found[split] = files[0]
    return found


def read_mnre(path: Path, split: str, reading: ReadContext) -> Iterator[tuple[str, Post]]:
    """Read one split; rows get the ids `split:line`."""
    for number, row in read_objects(path, reading.log, empty="holds no row", parse=parse_row):
        with reading.log.at(path, number):
            images = in_split_folders(image_of_row(row), split)
            yield split, text_post_of_row(row, f"{split}:{number}", images, reading.relations)


MNRE = DataLayout(
    name="mnre",
    files="txt/ours_{train,val,test}.txt or mnre_txt/mnre_{train,val,test}.txt",
    find=find_mnre_files,
    claims=lambda path: True,
    read=read_mnre,
    photos=(IMAGE_FOLDER,),
)
