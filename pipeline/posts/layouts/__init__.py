"""Layouts of data sets: what one is, which of them a folder has, a file a kind."""

from dgf.pipeline.posts.layouts.base import ReadContext, TakenIds, split_name
from dgf.pipeline.posts.layouts.builder import LAYOUTS, Found, find_dataset
from dgf.pipeline.posts.layouts.hub import hub_name
from dgf.pipeline.posts.layouts.jsonl import post_of_object, read_sentence
from dgf.pipeline.posts.layouts.mnre_keys import IMAGE_FOLDER, TEXT_FOLDERS, parse_row
from dgf.pipeline.posts.layouts.table import COLUMNS

__all__ = [
    "COLUMNS",
    "IMAGE_FOLDER",
    "LAYOUTS",
    "TEXT_FOLDERS",
    "Found",
    "ReadContext",
    "TakenIds",
    "find_dataset",
    "hub_name",
    "parse_row",
    "post_of_object",
    "read_sentence",
    "split_name",
]
