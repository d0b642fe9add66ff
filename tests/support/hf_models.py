"""Small models with random weights, saved as transformers saves them: captioners, a GPT-2, vision transformers."""

from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    BertTokenizer,
    BitImageProcessorPil,
    BlipConfig,
    BlipForConditionalGeneration,
    BlipImageProcessor,
    CLIPConfig,
    CLIPImageProcessorPil,
    CLIPModel,
    Dinov2Config,
    Dinov2Model,
    Dinov2WithRegistersConfig,
    Dinov2WithRegistersModel,
    GPT2Config,
    PreTrainedTokenizerFast,
    SiglipConfig,
    SiglipImageProcessorPil,
    SiglipModel,
    VisionEncoderDecoderConfig,
    VisionEncoderDecoderModel,
    ViTConfig,
    ViTForImageClassification,
    ViTImageProcessor,
    ViTImageProcessorPil,
)

from support.oscar_examples import small

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


def gpt2(folder: Path) -> Path:
    """A small GPT-2 of random weights with a tokenizer of a few words."""
    from transformers import GPT2Config, GPT2Model

    from dgf.workflows.data import train_tokenizer

    sentences = ["The people of a city met at the museum in the year 2012, and it was good.", "Ada met Bram"]
    tokenizer = train_tokenizer(sentences, 300)
    GPT2Model(GPT2Config(vocab_size=300, n_embd=32, n_layer=1, n_head=2, n_positions=256)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def vision(folder: Path, kind: str = "vit", width: int = 16) -> Path:
    """A vision transformer of 4 x 4 patches, in a checkpoint of the kind that it is published in."""
    torch.manual_seed(0)
    sizes = {"hidden_size": width, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    text = {**sizes, "vocab_size": 40}
    photos = {**sizes, "image_size": EDGE, "patch_size": 8}
    square, middle = {"size": {"height": EDGE, "width": EDGE}}, {"size": {"shortest_edge": EDGE}, "crop_size": EDGE}
    model, processor = {
        "clip": lambda: (
            CLIPModel(CLIPConfig(text_config=text, vision_config=photos, projection_dim=8)),
            CLIPImageProcessorPil(**middle),
        ),
        "siglip": lambda: (
            SiglipModel(SiglipConfig(text_config=text, vision_config=photos)),
            SiglipImageProcessorPil(**square),
        ),
        "dinov2": lambda: (Dinov2Model(Dinov2Config(**photos)), BitImageProcessorPil(**middle)),
        "dinov2_with_registers": lambda: (
            Dinov2WithRegistersModel(Dinov2WithRegistersConfig(**photos, num_register_tokens=3)),
            BitImageProcessorPil(**middle),
        ),
        "vit": lambda: (ViTForImageClassification(ViTConfig(**photos)), ViTImageProcessorPil(**square)),
    }[kind]()
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder
