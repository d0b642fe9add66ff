"""Posts: read from any layout, checked, one value per row."""

from dgf.pipeline.faults import Fault, OnError
from dgf.pipeline.posts.base import Dataset, Mention, Post
from dgf.pipeline.posts.dataset import UNREADABLE, collect_dataset, find_files, find_photo_folder, read_dataset
from dgf.pipeline.posts.fields import plain_path, show_pair
from dgf.pipeline.posts.jsonl import split_name
from dgf.pipeline.posts.mnre import IMAGE_FOLDER, parse_row
from dgf.pipeline.posts.relations import NONE
from dgf.pipeline.posts.spans import SpanUnit, as_utf16

__all__ = [
    "IMAGE_FOLDER",
    "NONE",
    "UNREADABLE",
    "Dataset",
    "Fault",
    "Mention",
    "OnError",
    "Post",
    "SpanUnit",
    "as_utf16",
    "collect_dataset",
    "find_files",
    "find_photo_folder",
    "parse_row",
    "plain_path",
    "read_dataset",
    "show_pair",
    "split_name",
]
