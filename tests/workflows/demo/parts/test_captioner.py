"""The demo's captioner is read as any published Oscar, and says what is largest in photos that it has not seen."""

from collections import Counter
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from dgf.pipeline.captioners import CaptionerSpec, CaptionInput
from dgf.pipeline.captioners.oscar import (
    Cached,
    OscarCaptioner,
    OscarCheckpoint,
    build_context,
    load_oscar,
    make_tokenizer,
    random_checkpoint,
    small_vocabulary,
)
from dgf.workflows.demo.parts.captioner import (
    CAPTION_LENGTH,
    CAPTIONER,
    HELD_OUT_SCENE_SEED,
    SCENE_SEED,
    Example,
    caption_loss,
    fit_captioner,
    load_regions,
    read_photo,
    save_captioner,
)
from dgf.workflows.demo.parts.photos import drawn_photos
from dgf.workflows.demo.world import WORLD_CLASSES, Scene, describe, largest_things, named_things, training_scenes

WIDTH = len(WORLD_CLASSES) + 6


def seen(scene: Scene) -> CaptionInput:
    """What a detector that errs in nothing would see, in place of one that learned."""
    width, height = scene.size
    regions = np.zeros((len(scene.things), WIDTH), np.float32)
    for row, thing in enumerate(scene.things):
        x0, y0, x1, y1 = thing.box
        regions[row, WORLD_CLASSES.index(thing.kind)] = 1
        regions[row, -6:] = x0 / width, y0 / height, x1 / width, y1 / height, (x1 - x0) / width, (y1 - y0) / height
    return CaptionInput(
        ("x.jpg",),
        regions,
        tuple(thing.kind for thing in scene.things),
        lambda: np.zeros((1, 1, 3), np.uint8),
    )


def examples(count: int) -> list[Example]:
    return [Example(seen(scene), describe(scene)) for scene in islice(training_scenes(SCENE_SEED), count)]


def small_checkpoint(some: list[Example]) -> OscarCheckpoint:
    tokenizer = make_tokenizer(small_vocabulary(word for example in some for word in example.caption.split()))
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    return random_checkpoint(1, tokenizer, WIDTH, initializer_range=0.3, **sizes)


def test_its_loss_is_what_decoding_gives_the_words_of_the_captions() -> None:
    some = examples(7)
    checkpoint = small_checkpoint(some)
    tokenizer = checkpoint.tokenizer
    logs = []
    for example in some:
        ids = tokenizer(example.caption)["input_ids"]
        context = build_context([example.shown], tokenizer, CAPTION_LENGTH, torch.device("cpu"))
        with torch.inference_mode():
            model = Cached(checkpoint.model, context, CAPTION_LENGTH, 1, tokenizer.mask_token_id)
            for place, (word, following) in enumerate(pairwise(ids)):
                parents = torch.zeros(1, 1, dtype=torch.long) if place else None
                logs.append(model.step(torch.tensor([[word]]), parents)[0, 0, following].item())
    assert len({len(tokenizer(example.caption)["input_ids"]) for example in some}) > 2
    assert caption_loss(checkpoint.model, tokenizer, some).item() == pytest.approx(-np.mean(logs), abs=1e-4)


def test_no_description_is_longer_than_a_caption_may_be() -> None:
    captions = [describe(scene) for scene in islice(training_scenes(5), 2000)]
    tokenizer = make_tokenizer(small_vocabulary(word for caption in captions for word in caption.split()))
    longest = max(len(tokenizer(caption)["input_ids"]) for caption in captions)
    assert CAPTION_LENGTH - 1 <= longest <= CAPTION_LENGTH


def test_what_is_saved_is_what_the_published_loader_reads(tmp_path: Path) -> None:
    checkpoint = small_checkpoint(examples(3))
    save_captioner(checkpoint, tmp_path)
    loaded = load_oscar(tmp_path)
    assert loaded.model.config == checkpoint.model.config
    assert loaded.tokenizer.get_vocab() == checkpoint.tokenizer.get_vocab()
    for name, value in checkpoint.model.state_dict().items():
        assert torch.equal(loaded.model.state_dict()[name], value.half().float()), name


def test_training_teaches_to_say_what_is_seen() -> None:
    some = examples(6)
    checkpoint = fit_captioner(some, epochs=80)
    captions = captions_of(checkpoint, [example.shown for example in some])
    assert captions == [example.caption for example in some]


def captions_of(checkpoint: OscarCheckpoint, shown: list[CaptionInput]) -> list[str]:
    captioner = OscarCaptioner(checkpoint, CaptionerSpec("oscar", "", beams=1, length=CAPTION_LENGTH), "cpu")
    return [caption.text for start in range(0, len(shown), 16) for caption in captioner.caption(shown[start:][:16])]


def test_it_reads_the_regions_of_the_detector() -> None:
    pytest.importorskip("detectron2")
    assert load_oscar(CAPTIONER).model.config.img_feature_dim == load_regions().feature_dim + 6


def test_it_names_the_two_largest_things_of_scenes_that_it_has_not_seen() -> None:
    pytest.importorskip("detectron2")
    detector = load_regions()
    photos = list(islice(drawn_photos(HELD_OUT_SCENE_SEED), 40))
    captions = captions_of(load_oscar(CAPTIONER), [read_photo(photo, detector) for photo in photos])
    named = 0
    for photo, caption in zip(photos, captions, strict=True):
        wanted = Counter(thing.kind for thing in largest_things(photo.scene)[:2])
        named += (wanted & named_things(caption)).total()
    assert named >= 0.8 * 2 * len(photos)
