"""M2RE: JSON lists of rows with MNRE's keys, where a pair may have several relations; a row for each of them."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from dgf.pipeline.faults import RowError, show_value
from dgf.pipeline.lines import read_objects
from dgf.pipeline.posts.base import Post
from dgf.pipeline.posts.fields import relation_field
from dgf.pipeline.posts.layouts.base import SPLIT_NAME, DataLayout, ReadContext, in_any_folder, split_files
from dgf.pipeline.posts.layouts.mnre_keys.mnre import IMAGE_FOLDER
from dgf.pipeline.posts.layouts.mnre_keys.row import image_of_row, parse_row, text_post_of_row
from dgf.pipeline.posts.layouts.peek import first_keys

_FILE = re.compile(rf"{SPLIT_NAME}\.json(\.gz)?")


def read_m2re(path: Path, split: str, reading: ReadContext) -> Iterator[tuple[str, Post]]:
    """Read one split; a row gets the id `split:line`, and the k-th relation of several `split:line.k`.

    Where relations do not count, every pair is one row without any: they must not say how many answers there are.
    """
    several = 0
    for number, row in read_objects(path, reading.log, empty="holds no row", parse=parse_row):
        relations: list[object] = []
        with reading.log.at(path, number):
            images = in_any_folder(image_of_row(row), split)
            pair = text_post_of_row({**row, "relation": None}, f"{split}:{number}", images, None)
            relations = _relations(row) if reading.with_relations else [None]
        several += len(relations) > 1
        for place, relation in enumerate(relations, start=1):
            with reading.log.at(path, number):
                post_id = f"{pair.id}.{place}" if len(relations) > 1 else pair.id
                yield split, replace(pair, id=post_id, relation=relation_field(relation, reading.relations))
    if several:
        reading.log.notes.append(f"{path}: {several} pairs have several relations: each is a row of its own")


M2RE = DataLayout(
    name="m2re",
    files="{train,val,test}.json, a list of objects with token, h and t",
    find=lambda path: split_files(path, _FILE, (".", "txt", "data")),
    claims=lambda path: {"token", "h"} <= first_keys(path),
    read=read_m2re,
    photos=(IMAGE_FOLDER, "images"),
)


def _relations(row: Mapping[str, object]) -> list[object]:
    """The relations of a pair, whether it has one or a list of them."""
    given = row.get("relation")
    if not isinstance(given, list):
        return [given]
    if not given or not all(isinstance(name, str) for name in given) or len({*given}) < len(given):
        raise RowError(f"relation must be a list of different relations, not {show_value(given)}", "relation")
    return given
