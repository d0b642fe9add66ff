"""Posts: read from any layout, checked, one value per row."""

from dgf.pipeline.faults import Fault, OnError
from dgf.pipeline.posts.base import OBJECT, Dataset, Mention, PhotoBox, Post
from dgf.pipeline.posts.dataset import are_part_of, collect_dataset, read_dataset
from dgf.pipeline.posts.fields import plain_path, show_pair, text_field, token_field
from dgf.pipeline.posts.layouts import (
    COLUMNS,
    IMAGE_FOLDER,
    LAYOUTS,
    find_dataset,
    hub_name,
    parse_row,
    post_of_object,
    split_name,
)
from dgf.pipeline.posts.pairs import FoundMention, FoundPair, MentionFinder, PairedPost, pair_mentions, stands_for_pairs
from dgf.pipeline.posts.post_lines import PostLine, stream_posts
from dgf.pipeline.posts.relations import NONE
from dgf.pipeline.posts.spans import SpanUnit, as_utf16, find_words
from dgf.pipeline.posts.stream import UNREADABLE, PostStream, ReadOptions, in_order

__all__ = [
    "COLUMNS",
    "IMAGE_FOLDER",
    "LAYOUTS",
    "NONE",
    "OBJECT",
    "UNREADABLE",
    "Dataset",
    "Fault",
    "FoundMention",
    "FoundPair",
    "Mention",
    "MentionFinder",
    "OnError",
    "PairedPost",
    "PhotoBox",
    "Post",
    "PostLine",
    "PostStream",
    "ReadOptions",
    "SpanUnit",
    "are_part_of",
    "as_utf16",
    "collect_dataset",
    "find_dataset",
    "find_words",
    "hub_name",
    "in_order",
    "pair_mentions",
    "parse_row",
    "plain_path",
    "post_of_object",
    "read_dataset",
    "show_pair",
    "split_name",
    "stands_for_pairs",
    "stream_posts",
    "text_field",
    "token_field",
]
