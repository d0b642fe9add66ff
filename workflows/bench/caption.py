"""How fast Oscar captions, beside the network's bare passes over the same rows, in one process."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from dgf.pipeline.captioners import CaptionInput
from dgf.pipeline.captioners.oscar import (
    Cached,
    CaptionContext,
    DecodedCaption,
    Oscar,
    Words,
    build_context,
    decode_captions,
    make_tokenizer,
    random_checkpoint,
    small_vocabulary,
)
from dgf.workflows.devices import choose_device

_VOCABULARY = 30522
_REGIONS, _WIDTH, _TAGS, LENGTH = 50, 2054, 20, 20
_ROUNDS = 3


def bench_caption(photos: int = 2, beams: int = 5, device: str = "auto") -> dict[str, Any]:
    """Caption photos at base size, with random weights and the published vocabulary's size, and measure the limit.

    Random weights seldom end a caption early, so both sides run all 19 steps.

    Args:
        photos: In the batch.
        beams: 1 is greedy.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.

    Returns:
        Photos a second from regions and tags to words, of the limit, and their ratio; on a GPU also bfloat16's speed
        and the share of captions it changes.
    """
    chosen = choose_device(device)
    vocabulary = small_vocabulary(())
    vocabulary += [f"[unused{number}]" for number in range(_VOCABULARY - len(vocabulary))]
    tokenizer = make_tokenizer(vocabulary)
    model = random_checkpoint(0, tokenizer, _WIDTH).model.to(chosen)
    words = Words(tokenizer.cls_token_id, tokenizer.pad_token_id, (tokenizer.sep_token_id,))
    draw = np.random.default_rng(0)
    tags = ("man", "tree", "dress", "ball") * (_TAGS // 4)
    shown = [
        CaptionInput(("",), regions, tags, lambda: np.zeros((1, 1, 3), np.uint8))
        for regions in draw.standard_normal((photos, _REGIONS, _WIDTH), np.float32)
    ]
    context = build_context(shown, tokenizer, LENGTH, chosen)

    def decode() -> list[DecodedCaption]:
        fresh = build_context(shown, tokenizer, LENGTH, chosen)
        cached = Cached(model, fresh, LENGTH, beams, tokenizer.mask_token_id)
        return decode_captions(cached, words, LENGTH, beams)

    with torch.inference_mode():
        captions = decode()
        seconds = _fastest(decode, chosen)
        limit = _fastest(lambda: run_bare_passes(model, context, beams), chosen)
        facts: dict[str, Any] = {
            "bench": "caption",
            "device": str(chosen),
            "threads": torch.get_num_threads(),
            "photos": photos,
            "beams": beams,
            "cached_photos_per_second": round(photos / seconds, 3),
            "limit_photos_per_second": round(photos / limit, 3),
            "ratio": round(limit / seconds, 3),
        }
        if chosen.type == "cuda":
            model.to(torch.bfloat16)
            changed = sum(one.ids != other.ids for one, other in zip(captions, decode(), strict=True))
            facts |= {
                "bfloat16_photos_per_second": round(photos / _fastest(decode, chosen), 3),
                "bfloat16_changed_captions": round(changed / photos, 3),
            }
    return facts


def run_bare_passes(model: Oscar, context: CaptionContext, beams: int) -> None:
    """Run every row that captions of full length need through the network, and nothing else.

    Tags and regions once, then two rows a beam a step, which look at as many rows as a cache of all steps has by
    then. No mask, no choice of words, no cache that is written.
    """
    *layers, last = model.layers
    tags = model.embed_words(context.tags, context.positions, context.segments)
    rows = torch.cat([tags, model.embed_regions(context.regions)], dim=1)  # (B, C, H)
    for layer in layers:
        rows = layer(rows, *layer.keys_values(rows))
    last.keys_values(rows)
    # As many keys and values as the last step looks at: the context's, and one a step of every beam.
    photos, width, size = rows.shape
    keys, values = last.keys_values(rows.new_zeros(photos, width + LENGTH * beams, size))  # (B, heads, C + L * W, .)
    tokens = context.tags.new_zeros(photos, 2 * beams)
    for step in range(1, LENGTH):
        grown = 1 if step == 1 else beams
        seen = width + step * beams + grown
        ready = tokens[:, : 2 * grown]
        new = model.embed_words(ready, ready, ready)  # (B, 2W, H)
        for layer in layers:
            layer.keys_values(new)
            new = layer(new, keys[:, :, :seen], values[:, :, :seen])
        last.keys_values(new)
        model.words(last(new[:, grown:], keys[:, :, :seen], values[:, :, :seen]))  # (B, W, V)


def _fastest(run: Callable[[], object], device: torch.device) -> float:
    """The seconds of the fastest of a few rounds."""
    seconds = []
    for _ in range(_ROUNDS):
        started = time.perf_counter()
        run()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        seconds.append(time.perf_counter() - started)
    return min(seconds)
