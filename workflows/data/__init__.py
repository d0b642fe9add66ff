"""From posts and shards to batches."""

from dgf.workflows.data.batches import (
    POOL,
    BatchMaker,
    Captions,
    by_length,
    epoch_batches,
    must_stream,
    pool_captions,
    shuffled,
    tokenize_captions,
)
from dgf.workflows.data.captions import OF_FILES, CaptionTable, caption_files, caption_folder
from dgf.workflows.data.corpus import Corpus, open_corpus, read_configured, types_of_posts
from dgf.workflows.data.draws import draw_rows
from dgf.workflows.data.encode import EncodedPost, PostEncoder, train_tokenizer
from dgf.workflows.data.examples import make_examples
from dgf.workflows.data.graphs import Alignments
from dgf.workflows.data.inputs import inputs_of
from dgf.workflows.data.mention_objects import NO_BOXES, names_object, objects_of_boxes
from dgf.workflows.data.splits import (
    Placed,
    Split,
    build_encoder,
    encode_captions,
    place,
    prepare_splits,
    text_only_words,
)
from dgf.workflows.data.type_file import TypeFile, read_types
from dgf.workflows.data.words import words_of_file, words_of_sentences

__all__ = [
    "NO_BOXES",
    "OF_FILES",
    "POOL",
    "Alignments",
    "BatchMaker",
    "CaptionTable",
    "Captions",
    "Corpus",
    "EncodedPost",
    "Placed",
    "PostEncoder",
    "Split",
    "TypeFile",
    "build_encoder",
    "by_length",
    "caption_files",
    "caption_folder",
    "draw_rows",
    "encode_captions",
    "epoch_batches",
    "inputs_of",
    "make_examples",
    "must_stream",
    "names_object",
    "objects_of_boxes",
    "open_corpus",
    "place",
    "pool_captions",
    "prepare_splits",
    "read_configured",
    "read_types",
    "shuffled",
    "text_only_words",
    "tokenize_captions",
    "train_tokenizer",
    "types_of_posts",
    "words_of_file",
    "words_of_sentences",
]
