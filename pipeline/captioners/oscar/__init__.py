"""Oscar: the network, its checkpoints, and decoding."""

from dgf.pipeline.captioners.oscar.cached import Cached
from dgf.pipeline.captioners.oscar.captioner import ENDED, OscarCaptioner
from dgf.pipeline.captioners.oscar.checkpoint import (
    OscarCheckpoint,
    check_width,
    describe_checkpoint,
    load_oscar,
    make_tokenizer,
)
from dgf.pipeline.captioners.oscar.decoding import DecodedCaption, Words, decode_captions
from dgf.pipeline.captioners.oscar.inputs import CaptionContext, build_context
from dgf.pipeline.captioners.oscar.network import Oscar
from dgf.pipeline.captioners.oscar.random_weights import random_captioner, random_checkpoint, small_vocabulary

__all__ = [
    "ENDED",
    "Cached",
    "CaptionContext",
    "DecodedCaption",
    "Oscar",
    "OscarCaptioner",
    "OscarCheckpoint",
    "Words",
    "build_context",
    "check_width",
    "decode_captions",
    "describe_checkpoint",
    "load_oscar",
    "make_tokenizer",
    "random_captioner",
    "random_checkpoint",
    "small_vocabulary",
]
