"""Posts: read from any layout, checked, one value per row."""

from dgf.pipeline.lines import Fault, OnError
from dgf.pipeline.posts.base import Dataset, Mention, Post
from dgf.pipeline.posts.dataset import read_dataset
from dgf.pipeline.posts.relations import NONE

__all__ = ["NONE", "Dataset", "Fault", "Mention", "OnError", "Post", "read_dataset"]
