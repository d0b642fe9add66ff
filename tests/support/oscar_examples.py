"""A small Oscar, photos for it, and its checkpoint on disk in either layout."""

import json
from pathlib import Path

import numpy as np
import torch

from dgf.pipeline.captioners.base import CaptionInput
from dgf.pipeline.captioners.oscar.cached import Cached, Stepwise
from dgf.pipeline.captioners.oscar.checkpoint import OscarCheckpoint, make_tokenizer
from dgf.pipeline.captioners.oscar.decoding import Decoded, Words, beam_search, greedy
from dgf.pipeline.captioners.oscar.inputs import build_context
from dgf.pipeline.captioners.oscar.random_weights import random_checkpoint, small_vocabulary

CLASSES = ("dog", "fire hydrant", "person", "Stop sign")
SIZES = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "initializer_range": 0.3,
}


def small(width: int = 14, seed: int = 3, **more: float) -> OscarCheckpoint:
    tokenizer = make_tokenizer(small_vocabulary(CLASSES))
    checkpoint = random_checkpoint(seed, tokenizer, width, **{**SIZES, **more})
    with torch.no_grad():
        checkpoint.model.cls.predictions.bias[tokenizer.sep_token_id] = 4.0  # so that captions end at many lengths
    return checkpoint


def photo(rng: np.random.Generator, regions: int, tags: int, width: int = 14) -> CaptionInput:
    features = rng.standard_normal((regions, width)).astype(np.float32)
    return CaptionInput(("x.jpg",), features, tuple(rng.choice(CLASSES, tags)), lambda: np.zeros((1, 1, 3), np.uint8))


def golden_photos(golden: Path) -> list[CaptionInput]:
    """The inputs of the published cases."""
    cases = json.loads((golden / "oscar_cases.json").read_text())["cases"]
    with np.load(golden / "oscar_cases.npz") as file:
        features = [file[f"case{case['index']}/feat"] for case in cases]
    return [
        CaptionInput((str(case["index"]),), regions, tuple(case["tag_list"]), lambda: np.zeros((1, 1, 3), np.uint8))
        for case, regions in zip(cases, features, strict=True)
    ]


def ragged(count: int, width: int = 14) -> list[CaptionInput]:
    rng = np.random.default_rng(count)
    return [photo(rng, int(rng.integers(0, 56)), int(rng.integers(0, 40)), width) for _ in range(count)]


def decode(
    checkpoint: OscarCheckpoint,
    photos: list[CaptionInput],
    *,
    cached: bool = True,
    beams: int = 5,
    length: int = 20,
    keep: int = 1,
    words: Words = Words(2, 0, (3,)),  # noqa: B008
) -> list[list[Decoded]]:
    with torch.inference_mode():
        context = build_context(photos, checkpoint.tokenizer, length)
        mask = checkpoint.tokenizer.mask_token_id
        model = (
            Cached(checkpoint.model, context, length, beams, mask)
            if cached
            else Stepwise(checkpoint.model, context, mask)
        )
        if beams == 1:
            return [[found] for found in greedy(model, words, length)]
        return beam_search(model, words, length, beams, keep=keep)


def save(checkpoint: OscarCheckpoint, folder: Path, **config: object) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    fields = {name: value for name, value in vars(checkpoint.model.config).items() if name != "output_bias"}
    (folder / "config.json").write_text(json.dumps({**fields, **config}))
    words = sorted(checkpoint.tokenizer.get_vocab().items(), key=lambda item: item[1])
    (folder / "vocab.txt").write_text("\n".join(word for word, _ in words) + "\n")
    torch.save(checkpoint.model.state_dict(), folder / "pytorch_model.bin")
    return folder
