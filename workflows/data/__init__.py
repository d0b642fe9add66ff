"""From posts and shards to batches."""

from dgf.workflows.data.batches import BatchMaker, by_length, epoch_batches, shuffled
from dgf.workflows.data.captions import Captions, pool_captions, tokenize_captions
from dgf.workflows.data.corpus import Corpus, open_corpus
from dgf.workflows.data.encode import EncodedPost, PostEncoder
from dgf.workflows.data.entity_types import read_types, types_of_posts
from dgf.workflows.data.examples import make_examples
from dgf.workflows.data.photo_rows import Placed, place
from dgf.workflows.data.splits import Split, prepare_splits
from dgf.workflows.data.vocabulary import train_tokenizer

__all__ = [
    "BatchMaker",
    "Captions",
    "Corpus",
    "EncodedPost",
    "Placed",
    "PostEncoder",
    "Split",
    "by_length",
    "epoch_batches",
    "make_examples",
    "open_corpus",
    "place",
    "pool_captions",
    "prepare_splits",
    "read_types",
    "shuffled",
    "tokenize_captions",
    "train_tokenizer",
    "types_of_posts",
]
