"""Posts: read from any layout, checked, one value per row."""

from dgf.pipeline.lines import Fault, OnError
from dgf.pipeline.posts.base import Dataset, Mention, Post
from dgf.pipeline.posts.dataset import UNREADABLE, collect_dataset, find_files, read_dataset
from dgf.pipeline.posts.jsonl import split_name
from dgf.pipeline.posts.mnre import IMAGE_FOLDER
from dgf.pipeline.posts.relations import NONE

__all__ = [
    "IMAGE_FOLDER",
    "NONE",
    "UNREADABLE",
    "Dataset",
    "Fault",
    "Mention",
    "OnError",
    "Post",
    "collect_dataset",
    "find_files",
    "read_dataset",
    "split_name",
]
