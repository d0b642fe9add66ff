"""JMERE: a JSON list of sentences, each with its relations, whose mentions have types; a row for each relation.

[{"token": ["Ann", "met", "Bo"], "img_id": "1.jpg", "label_list": [
[{"beg_ent": {"name": "Ann", "pos": [0, 1], "tags": "per"},
"sec_ent": {"name": "Bo", "pos": [2, 3], "tags": "per"}, "relation": "peer"}]]}]
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from dgf.pipeline.faults import RowError, show_value
from dgf.pipeline.lines import read_objects
from dgf.pipeline.posts.base import Mention, Post
from dgf.pipeline.posts.fields import mapping_field, relation_field, token_field
from dgf.pipeline.posts.layouts.base import SPLIT_NAME, DataLayout, ReadContext, in_any_folder, split_files
from dgf.pipeline.posts.layouts.mnre_keys.mnre import IMAGE_FOLDER
from dgf.pipeline.posts.layouts.mnre_keys.row import (
    image_of_row,
    mention_field,
    parse_row,
    post_of_row,
    required_key,
)
from dgf.pipeline.posts.layouts.peek import first_keys

_FILE = re.compile(rf"{SPLIT_NAME}\.json(\.gz)?")


def read_jmere(path: Path, split: str, reading: ReadContext) -> Iterator[tuple[str, Post]]:
    """Read one split; the k-th relation of the sentence in a line gets the id `split:line.k`."""
    for number, row in read_objects(path, reading.log, empty="holds no row", parse=parse_row):
        labels: list[object] = []
        with reading.log.at(path, number):
            tokens = token_field(required_key(row, "token"), "token")
            images = in_any_folder(image_of_row(row), split)
            labels = _labels(row)
        for place, label in enumerate(labels, start=1):
            with reading.log.at(path, number):
                entry = mapping_field(label, f"label_list {place}")
                mentions = [_mention(entry, key, tokens) for key in ("beg_ent", "sec_ent")]
                relation = relation_field(entry.get("relation"), reading.relations)
                yield split, post_of_row(tokens, f"{split}:{number}.{place}", mentions, images, relation)


JMERE = DataLayout(
    name="jmere",
    files="{train,val,test}.json, a list of objects with label_list",
    find=lambda path: split_files(path, _FILE, (".", "txt")),
    claims=lambda path: "label_list" in first_keys(path),
    read=read_jmere,
    photos=(IMAGE_FOLDER, "images"),
)


def _labels(row: Mapping[str, object]) -> list[object]:
    """The relations of a sentence; each stands in a list of its own."""
    given = required_key(row, "label_list")
    if not isinstance(given, list) or not given or [] in given:
        raise RowError(f"label_list must be a list of relations, not {show_value(given)}", "wrong type")
    labels: list[object] = []
    for label in given:
        labels += label if isinstance(label, list) else [label]
    return labels


def _mention(entry: Mapping[str, object], key: str, tokens: tuple[str, ...]) -> Mention:
    entity = mapping_field(required_key(entry, key), key)
    return mention_field({key: {**entity, "type": entity.get("tags")}}, key, tokens)
