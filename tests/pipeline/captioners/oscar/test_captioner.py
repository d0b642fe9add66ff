"""Oscar and the user's own file as captioners."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from dgf.pipeline.captioners import NO_REGIONS, CaptionerSpec, build_captioner, describe_captioner
from dgf.pipeline.captioners.caption_file import NOT_THERE, FileCaptioner, read_caption_file
from dgf.pipeline.captioners.oscar import (
    ENDED,
    OscarCaptioner,
    OscarCheckpoint,
    check_width,
    random_captioner,
    small_vocabulary,
)
from dgf.pipeline.errors import UserError
from dgf.pipeline.shards import Layout
from support.oscar_examples import decode, golden_photos, photo, ragged, save, small

SPEC = CaptionerSpec("oscar", "somewhere", beams=5)


def test_words_and_scores_are_those_of_decoding_and_zero_regions_have_none() -> None:
    checkpoint = small()
    photos = [photo(np.random.default_rng(1), 0, 3), *ragged(12), photo(np.random.default_rng(2), 0, 0)]
    captions = OscarCaptioner(checkpoint, SPEC, "cpu").caption(photos)
    shown = [photo for photo in photos if len(photo.regions)]
    expected = iter(decode(small(), shown))
    assert captions[0].reason == captions[-1].reason == NO_REGIONS and not captions[0].text
    assert math.isnan(captions[0].logprob)
    for one, caption in zip(photos, captions, strict=True):
        if len(one.regions):
            best = next(expected)[0]
            assert caption.text == checkpoint.tokenizer.decode(list(best.ids)).strip()
            assert caption.reason == (None if best.ids else ENDED)
            if best.ids:
                assert caption.logprob == pytest.approx(best.score, abs=1e-6)


def test_published_text(shared_dir: Path) -> None:
    golden = shared_dir / "golden" / "oscar"
    spec = CaptionerSpec("oscar", str(golden / "oscar_tiny"), beams=5)
    layout = Layout(10, 50, 2048, False, ("a",))
    captions = build_captioner(spec, layout, "cpu").caption(golden_photos(golden))
    cases = json.loads((golden / "oscar_cases.json").read_text())["models"]["oscar_tiny"]["decode"]["beam5"]["results"]
    assert [caption.text for caption in captions] == [case[0]["caption"] for case in cases]
    assert [caption.logprob for caption in captions] == pytest.approx([case[0]["score"] for case in cases], abs=1e-4)


def test_scores_are_means_and_padding_ends_a_caption_in_the_layout_of_2020() -> None:
    checkpoint = small()
    with torch.no_grad():  # [PAD] is what it would say at once
        checkpoint.model.cls.predictions.bias[checkpoint.tokenizer.pad_token_id] = 50.0
    old = OscarCheckpoint(checkpoint.model, checkpoint.tokenizer, "2020")
    for beams in (1, 5):
        spec = replace(SPEC, beams=beams)
        assert {c.reason for c in OscarCaptioner(old, spec, "cpu").caption(ragged(3))} == {ENDED}


def test_what_does_not_go_together_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="bfloat16 is for CUDA"):
        build_captioner(replace(SPEC, precision="bfloat16"), Layout(10, 50, 8, False, ()), "cpu")
    with pytest.raises(UserError, match="need 530 positions, somewhere has 512") as caught:
        OscarCaptioner(small(), replace(SPEC, length=500), "cpu")
    assert "--length 482" in str(caught.value)
    OscarCaptioner(small(), replace(SPEC, length=482), "cpu")
    folder = save(small(), tmp_path)
    check_width(folder, Path("features"), 8)
    with pytest.raises(UserError, match=r"regions of 14 numbers \(8 of the detector .* have 1030 \(1024 and 6\)"):
        check_width(folder, Path("features"), 1024)


def test_random_is_base_size_seeded_and_knows_the_classes() -> None:
    one, same, other = (random_captioner(seed, ("zebra",), 20) for seed in (7, 7, 0))
    config = one.model.config
    assert (config.hidden_size, config.num_hidden_layers, config.num_attention_heads) == (768, 12, 12)
    assert config.vocab_size == len(small_vocabulary(("zebra",)))
    assert one.tokenizer.tokenize("Zebra dogs") == ["zebra", "d", "##o", "##g", "##s"]
    for name, value in one.model.state_dict().items():
        assert torch.equal(value, same.model.state_dict()[name])
    name = "bert.encoder.layer.3.output.dense.weight"
    assert not torch.equal(one.model.state_dict()[name], other.model.state_dict()[name])
    with pytest.raises(UserError, match="not a whole number"):
        build_captioner(CaptionerSpec("oscar", "random:x"), Layout(10, 50, 8, False, ()), "cpu")


def test_description_changes_with_every_file(tmp_path: Path) -> None:
    folder = save(small(), tmp_path)
    spec = CaptionerSpec("oscar", str(folder))
    seen = [describe_captioner(spec), describe_captioner(replace(spec, beams=1))]
    for name in ("vocab.txt", "config.json", "pytorch_model.bin"):
        with (folder / name).open("ab") as file:
            file.write(b" ")
        seen.append(describe_captioner(spec))
    assert len({str(description) for description in seen}) == len(seen)


def test_own_captions_by_any_id(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text('{"image_id": "b.jpg", "caption": " two \\n dogs "}\n\n{"image_id": "c.jpg", "caption": "é"}\n')
    captioner = FileCaptioner(read_caption_file(path))
    base = photo(np.random.default_rng(0), 0, 0)
    found = captioner.caption([replace(base, ids=ids) for ids in (("a.jpg", "b.jpg"), ("c.jpg",), ("d.jpg",))])
    assert [caption.text for caption in found] == ["two dogs", "é", ""]
    assert [caption.reason for caption in found] == [None, None, NOT_THERE]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", r"mine.jsonl:1: "),
        ('{"image_id": "a"}', "mine.jsonl:1: 'caption' is missing"),
        ('{"image_id": "a", "caption": 3}', "mine.jsonl:1: image_id and caption must be text"),
        ('{"image_id": "a", "caption": "  "}', "mine.jsonl:1: image_id and caption must be text"),
        ('{"image_id": "a", "caption": "x"}\n{"image_id": "a", "caption": "y"}', "mine.jsonl:2: a has another caption"),
        ("[1]", "mine.jsonl:1: "),
        ('{"image_id": "a", "caption": "\\ud800"}', "mine.jsonl:1: "),
        ("\n", "holds no caption"),
        ("\udcff", r"mine.jsonl:1: not UTF-8 \(byte 0xff at column 1\)"),
    ],
)
def test_a_bad_file_names_its_line(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(UserError, match=told):
        read_caption_file(path)
