"""Captioners: one protocol, one builder, a file a kind."""

from dgf.pipeline.captioners.base import NO_REGIONS, Caption, Captioner, CaptionerSpec, CaptionInput
from dgf.pipeline.captioners.builder import build_captioner, describe_captioner, is_random
from dgf.pipeline.captioners.caption_file import CAPTION_FORM, caption_lines, read_caption_file

__all__ = [
    "CAPTION_FORM",
    "NO_REGIONS",
    "Caption",
    "CaptionInput",
    "Captioner",
    "CaptionerSpec",
    "build_captioner",
    "caption_lines",
    "describe_captioner",
    "is_random",
    "oscar",
    "read_caption_file",
]
