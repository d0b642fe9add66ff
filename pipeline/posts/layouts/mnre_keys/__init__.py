"""MNRE and the data sets whose rows have its keys: a file each, and what they share."""

from dgf.pipeline.posts.layouts.mnre_keys.jmere import JMERE
from dgf.pipeline.posts.layouts.mnre_keys.m2re import M2RE
from dgf.pipeline.posts.layouts.mnre_keys.mnre import IMAGE_FOLDER, MNRE, TEXT_FOLDERS
from dgf.pipeline.posts.layouts.mnre_keys.mnre_1 import MNRE_1
from dgf.pipeline.posts.layouts.mnre_keys.more import MORE
from dgf.pipeline.posts.layouts.mnre_keys.row import image_of_row, parse_row, text_post_of_row
from dgf.pipeline.posts.layouts.mnre_keys.umre import UMRE

__all__ = [
    "IMAGE_FOLDER",
    "JMERE",
    "M2RE",
    "MNRE",
    "MNRE_1",
    "MORE",
    "TEXT_FOLDERS",
    "UMRE",
    "image_of_row",
    "parse_row",
    "text_post_of_row",
]
