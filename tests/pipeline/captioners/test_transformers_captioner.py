"""Image-to-text models of transformers: real BLIP and ViT-GPT2 architectures, small, saved and loaded from disk."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    VisionEncoderDecoderModel,
    ViTImageProcessor,
)

from dgf.pipeline.captioners import CaptionerSpec, CaptionInput
from dgf.pipeline.captioners.transformers_captioner import WORDLESS, HfCaptioner
from dgf.pipeline.errors import UserError
from dgf.pipeline.photos import ImageError
from support.hf_models import blip, vit_gpt2


@pytest.fixture(scope="module", params=[blip, vit_gpt2], ids=["blip", "vit-gpt2"])
def folder(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return request.param(tmp_path_factory.mktemp("model"))


def photos() -> list[CaptionInput]:
    rng = np.random.default_rng(5)

    def shown(number: int) -> CaptionInput:
        pixels = rng.integers(0, 256, (20 + number, 40, 3), dtype=np.uint8)
        return CaptionInput((f"{number}.jpg",), np.zeros((0, 0), np.float32), (), lambda: pixels)

    return [shown(number) for number in range(5)]


def broken() -> np.ndarray:
    raise ImageError("truncated")


@pytest.mark.parametrize("beams", [1, 3])
def test_captions_alike_in_any_batch_and_broken_photos_say_why(folder: Path, beams: int) -> None:
    captioner = HfCaptioner(CaptionerSpec("hf", str(folder), beams=beams, length=12), "cpu")
    shown = photos()
    shown.insert(2, CaptionInput(("broken.jpg",), np.zeros((0, 0), np.float32), (), broken))
    together = captioner.caption(shown)
    alone = [captioner.caption([photo])[0] for photo in shown]
    assert [caption.text for caption in together] == [caption.text for caption in alone]
    assert together[2].reason == "truncated" and not together[2].text
    good = [caption for caption in together if caption.reason is None]
    assert len(good) >= 4 and all(caption.text for caption in good)  # a random model may end at once
    assert {caption.reason for caption in together} <= {None, "truncated", WORDLESS}
    assert all(-20 < caption.logprob < 0 for caption in good)
    for one, other in zip(together, alone, strict=True):
        assert one.logprob == pytest.approx(other.logprob, abs=1e-4, nan_ok=True)


def test_greedy_score_is_the_mean_over_words_and_end(tmp_path: Path) -> None:
    captioner = HfCaptioner(CaptionerSpec("hf", str(vit_gpt2(tmp_path)), beams=1, length=12), "cpu")
    photo = photos()[0]
    caption = captioner.caption([photo])[0]
    model = VisionEncoderDecoderModel.from_pretrained(tmp_path).eval()
    pixels = ViTImageProcessor.from_pretrained(tmp_path)(images=[photo.pixels()], return_tensors="pt")["pixel_values"]
    ids, logs = [0], []
    with torch.inference_mode():
        while len(ids) < 12 and (len(ids) == 1 or ids[-1] != 0):
            step = model(pixel_values=pixels, decoder_input_ids=torch.tensor([ids])).logits[0, -1].log_softmax(-1)
            ids.append(int(step.argmax()))
            logs.append(float(step.max()))
    assert caption.text.split() == [f"w{number - 1}" for number in ids if number]
    assert caption.logprob == pytest.approx(sum(logs) / len(logs), abs=1e-4)


def test_a_photo_three_pixels_high_keeps_its_colors(folder: Path) -> None:
    captioner = HfCaptioner(CaptionerSpec("hf", str(folder), beams=1, length=12), "cpu")
    red = np.tile(np.array([200, 20, 20], np.uint8), (40, 40, 1))
    low, square = (
        CaptionInput(("red.jpg",), np.zeros((0, 0), np.float32), (), lambda r=rows: red[:r]) for rows in (3, 40)
    )
    seen, expected = captioner.caption([low])[0], captioner.caption([square])[0]
    assert (seen.text, seen.logprob) == (expected.text, pytest.approx(expected.logprob, nan_ok=True))


def test_a_missing_weight_is_named(tmp_path: Path) -> None:
    folder = blip(tmp_path)
    weights = load_file(folder / "model.safetensors")
    name = next(key for key in weights if key.endswith("crossattention.self.query.weight"))
    save_file(
        {key: value for key, value in weights.items() if key != name}, folder / "model.safetensors", {"format": "pt"}
    )
    with pytest.raises(UserError, match="1 weights of the model are missing.*such as " + name.replace(".", r"\.")):
        HfCaptioner(CaptionerSpec("hf", str(folder)), "cpu")


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"config.json is missing"):
        HfCaptioner(CaptionerSpec("hf", str(tmp_path / "none")), "cpu")
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}')
    with pytest.raises(UserError, match="cannot be loaded as an image-to-text model"):
        HfCaptioner(CaptionerSpec("hf", str(tmp_path)), "cpu")
