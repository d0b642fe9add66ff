"""A small Oscar, photos for it, and its checkpoint on disk in either layout."""

import json
from pathlib import Path

import numpy as np
import torch

from dgf.pipeline.captioners import CaptionInput
from dgf.pipeline.captioners.oscar import (
    Cached,
    DecodedCaption,
    OscarCheckpoint,
    Words,
    build_context,
    decode_captions,
    make_tokenizer,
    random_checkpoint,
    small_vocabulary,
)
from support.stepwise import Stepwise, several_best

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
    words: Words = Words(2, 0, (3,)),  # noqa: B008
) -> list[list[DecodedCaption]]:
    with torch.inference_mode():
        model = next_word(checkpoint, photos, cached, beams, length)
        return [[best] for best in decode_captions(model, words, length, beams)]


def decode_several(
    checkpoint: OscarCheckpoint, photos: list[CaptionInput], *, cached: bool, keep: int
) -> list[list[DecodedCaption]]:
    """By the published search, photo by photo."""
    with torch.inference_mode():
        return [
            several_best(next_word(checkpoint, [photo], cached, 5, 20), Words(2, 0, (3,)), 20, 5, keep)
            for photo in photos
        ]


def next_word(
    checkpoint: OscarCheckpoint, photos: list[CaptionInput], cached: bool, beams: int, length: int
) -> Cached | Stepwise:
    context = build_context(photos, checkpoint.tokenizer, length, torch.device("cpu"))
    mask = checkpoint.tokenizer.mask_token_id
    if cached:
        return Cached(checkpoint.model, context, length, beams, mask)
    return Stepwise(checkpoint.model, context, mask)


def save(checkpoint: OscarCheckpoint, folder: Path, **config: object) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    fields = {name: value for name, value in vars(checkpoint.model.config).items() if name != "output_bias"}
    (folder / "config.json").write_text(json.dumps({**fields, **config}))
    words = sorted(checkpoint.tokenizer.get_vocab().items(), key=lambda item: item[1])
    (folder / "vocab.txt").write_text("\n".join(word for word, _ in words) + "\n")
    torch.save(checkpoint.model.state_dict(), folder / "pytorch_model.bin")
    return folder
