"""Posts of uneven length, with photos in no sorted order and without any, and what the shards hold of each photo."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from transformers import PreTrainedTokenizerBase

from dgf.model.dgf_pt.config import ModelConfig
from dgf.model.dgf_pt.network import DGF
from dgf.model.labels import LabelSpace
from dgf.model.language_models import load_language_model
from dgf.pipeline.features import FeatureStore
from dgf.pipeline.posts import Mention, Post
from dgf.workflows.data import (
    BatchMaker,
    CaptionTable,
    PostEncoder,
    make_examples,
    place,
    tokenize_captions,
    train_tokenizer,
)
from support.small_world import LAYOUT, write_shards

RELATIONS = ("None", "/per/org/member_of", "/per/per/peer", "/loc/loc/contain", "/per/loc/place_of_residence")
LANGUAGE_MODEL = "random:gpt2?n_layer=1&n_embd=32&n_head=2"
NAMES = ("i.png", "sea.png", "two-old-cats.png", "night.png", "a-dog-at-work.png", "ox.png", "hall.png")

ROWS: tuple[tuple[str, str, str, int | None], ...] = (
    ("Ada Lovelace joins the old Royal Society with Babbage", "Ada Lovelace", "Royal Society", 4),
    ("Lakers sign James", "James", "Lakers", None),
    ("at the Louvre in Paris we met Marie Curie again", "Louvre", "Paris", 1),
    ("RT Berlin hosts Nina Hagen and the whole loud band tonight , says Otto", "Nina Hagen", "Berlin", 6),
    ("Bob and Ann", "Bob", "Ann", 0),
    ("nobody else but Zoe knows how Max got home", "Max", "Zoe", None),
    ("Intel hires Lee", "Lee", "Intel", 4),
    ("Kim , born in Seoul , sings", "Kim", "Seoul", 2),
)
"""Sentence, head, tail, and the number of the photo in the shards' own order; two posts show the same photo."""

ORDER = (3, 1, 7, 0, 5, 2, 6, 4)
"""Rows to ask a batch for: neither they, nor their lengths, nor their photos are sorted."""


@dataclass(frozen=True)
class Picture:
    """A photo as its shards have it, read with h5py alone."""

    image_id: str
    objects: NDArray[np.float16]
    blocks: NDArray[np.float16]
    caption: str


@dataclass(frozen=True)
class UnevenPosts:
    """The posts of `ROWS`, the picture of each (None where it has no photo), and the folders."""

    folder: Path
    features: Path
    captions: Path
    posts: tuple[Post, ...]
    pictures: tuple[Picture | None, ...]

    def ordered(self) -> list[Picture | None]:
        """The picture of each row of `ORDER`."""
        return [self.pictures[row] for row in ORDER]


def write_uneven_posts(root: Path) -> UnevenPosts:
    """Draws the photos, writes shards of random numbers for them, and lets the posts show them."""
    folder, features, captions = root / "posts", root / "features", root / "captions"
    folder.mkdir()
    for number, name in enumerate(NAMES):
        Image.new("RGB", (8, 6), (30 * number, 255 - 30 * number, 90)).save(folder / name)
    write_shards(folder, features, captions)
    there = read_pictures(features, captions)
    pictures = tuple(None if number is None else there[number] for *_, number in ROWS)
    posts = tuple(_post(row, *texts, there) for row, texts in enumerate(ROWS))
    return UnevenPosts(folder, features, captions, posts, pictures)


def read_pictures(features: Path, captions: Path) -> list[Picture]:
    """Every photo, in the order of the shards."""
    pictures = []
    for path in sorted(features.glob("*.h5")):
        with h5py.File(path) as shown, h5py.File(captions / path.name) as told:
            ids, texts = shown["image_id"].asstr()[:], told["caption"].asstr()[:]
            assert list(ids) == list(told["image_id"].asstr()[:])
            rows = zip(ids, shown["objects/features"][:], shown["image/blocks"][:], texts, strict=True)
            pictures += [Picture(str(name), objects, blocks, str(text)) for name, objects, blocks, text in rows]
    return pictures


def _post(row: int, sentence: str, head: str, tail: str, photo: int | None, pictures: Sequence[Picture]) -> Post:
    words = tuple(sentence.split())
    images = () if photo is None else (pictures[photo].image_id,)
    relation = RELATIONS[row % len(RELATIONS)]
    return Post(f"post:{row}", words, _mention(words, head), _mention(words, tail), images, relation)


def _mention(words: Sequence[str], text: str) -> Mention:
    start = words.index(text.split()[0])
    return Mention(text, start, start + len(text.split()))


@cache
def tokenizer() -> PreTrainedTokenizerBase:
    return train_tokenizer([sentence for sentence, *_ in ROWS] + ["a picture of"] * 2 + list(NAMES), 400)


def maker_of(world: UnevenPosts, posts: Sequence[Post] | None = None, *, photos: bool = True) -> BatchMaker:
    """The batches of some posts (of all, where none are named), with photos and captions or on text alone."""
    chosen = world.posts if posts is None else posts
    store = FeatureStore.open(world.features, world.captions, image="blocks") if photos else None
    table = None if store is None else CaptionTable(tuple(store.captions(range(len(store)))), "of the shards")
    placed = place(chosen, store, "text-only", world.folder, captions=table)
    encoder = PostEncoder(tokenizer())
    labels = LabelSpace.from_relations(RELATIONS)
    examples = make_examples(chosen, placed.rows, encoder, labels, "predicted", {}, placed.caption_rows)
    captions = None if table is None else tokenize_captions(table.texts, tokenizer(), 32)
    return BatchMaker(examples, store, captions, ModelConfig().reads)


@cache
def network_of(**keys: Any) -> DGF:
    """An untrained network in evaluation mode that reads these posts and photos."""
    language_model = load_language_model(LANGUAGE_MODEL, seed=1)
    language_model.tokenizer = tokenizer()
    config = ModelConfig(**{"prefix_hidden": 8, **keys})
    labels = LabelSpace.from_relations(RELATIONS)
    return DGF(config, labels, language_model, object_dim=LAYOUT.dim, block_shape=(49, 512)).eval()
