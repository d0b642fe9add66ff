"""Image-to-text models of transformers: real BLIP and ViT-GPT2 architectures, small, saved and loaded from disk."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    BertTokenizer,
    BlipConfig,
    BlipForConditionalGeneration,
    BlipImageProcessor,
    GPT2Config,
    PreTrainedTokenizerFast,
    VisionEncoderDecoderConfig,
    VisionEncoderDecoderModel,
    ViTConfig,
    ViTImageProcessor,
)

from dgf.pipeline.captioner import CaptionerSpec, CaptionInput
from dgf.pipeline.errors import UserError
from dgf.pipeline.hf_captioner import WORDLESS, HfCaptioner
from dgf.pipeline.images import ImageError

sys.path.insert(0, str(Path(__file__).parent))
from oscar_examples import small

EDGE = 32


def blip(folder: Path) -> Path:
    tokenizer: BertTokenizer = small().tokenizer
    torch.manual_seed(0)
    text = {"vocab_size": len(tokenizer), "hidden_size": 32, "encoder_hidden_size": 32, "intermediate_size": 64}
    text |= {"num_hidden_layers": 2, "num_attention_heads": 2, "initializer_range": 0.5}
    text |= {"bos_token_id": 2, "sep_token_id": 3, "eos_token_id": 3, "pad_token_id": 0}
    vision = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    vision |= {"image_size": EDGE, "patch_size": 8}
    config = BlipConfig(text_config=text, vision_config=vision, projection_dim=16, image_text_hidden_size=16)
    BlipForConditionalGeneration(config).save_pretrained(folder)
    BlipImageProcessor(size={"height": EDGE, "width": EDGE}).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def vit_gpt2(folder: Path) -> Path:
    words = {word: number for number, word in enumerate(["<end>", *(f"w{number}" for number in range(60))])}
    inner = Tokenizer(models.WordLevel(words, unk_token="w0"))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="<end>", bos_token="<end>", pad_token="<end>")
    torch.manual_seed(0)
    vision = ViTConfig(
        hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2, image_size=EDGE, patch_size=8
    )
    text = GPT2Config(vocab_size=61, n_embd=32, n_layer=2, n_head=2, initializer_range=0.5)
    text.add_cross_attention, text.is_decoder = True, True
    config = VisionEncoderDecoderConfig.from_encoder_decoder_configs(vision, text)
    config.decoder_start_token_id, config.eos_token_id, config.pad_token_id = 0, 0, 0
    model = VisionEncoderDecoderModel(config)
    model.generation_config.decoder_start_token_id = 0
    model.generation_config.eos_token_id = model.generation_config.pad_token_id = 0
    model.save_pretrained(folder)
    ViTImageProcessor(size={"height": EDGE, "width": EDGE}).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


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
