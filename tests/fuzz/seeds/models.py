"""Small weights of every format, and folders of language models, captioners and Oscar."""

import io
import json
import pickle
import re
import tempfile
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
from safetensors.torch import save
from tokenizers import Tokenizer, models, pre_tokenizers
from torch import Tensor
from transformers import GPT2Config, GPT2Model, LlamaConfig, LlamaModel, PreTrainedTokenizerFast

from .. import Files


def read_folder(folder: Path, below: str = "") -> Files:
    """Every file of a folder, by its path under `below`."""
    return {
        f"{below}{path.relative_to(folder)}": path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def _saved_folder(write: Callable[[Path], object]) -> Files:
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder))
        return read_folder(Path(folder), "model/")


def _saved(content: Any, **options: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer, **options)
    return buffer.getvalue()


def _legacy(content: Any) -> bytes:
    """Before zip, tensors were named by their addresses, and sorted by them; here the only one has a number."""
    data = _saved(content, _use_new_zipfile_serialization=False)
    named = re.compile(rb"X[\x08-\x14]\0\0\0(\d{8,20})")
    numbers: dict[bytes, bytes] = {}

    def renumber(found: re.Match[bytes]) -> bytes:
        return b"X\x04\0\0\0" + numbers.setdefault(found[1], b"%04d" % len(numbers))

    return named.sub(renumber, data)


@cache
def _state() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    state = {"layer.weight": torch.randn(3, 4, generator=generator), "layer.bias": torch.zeros(3)}
    return {
        **state,
        "counts": torch.arange(5),
        "half": torch.ones(2, dtype=torch.bfloat16),
        "scalar": torch.tensor(2.5),
    }


def weights() -> list[Files]:
    state = _state()
    arrays = {name: value.float().numpy() for name, value in state.items()}
    turned = {"model": {"a": np.asfortranarray(arrays["layer.weight"]), "b": np.arange(3, dtype=">i4")}}
    return [
        {"weights.safetensors": save(state, {"format": "pt"})},
        {"weights.pth": _saved(state)},
        {"weights.bin": _saved({"model": {"state_dict": state}, "epoch": 3})},
        {"weights.pth": _legacy({"state_dict": {"a": state["layer.weight"]}})},
        {"weights.pkl": pickle.dumps({"model": arrays, "__author__": "nobody"}, 2)},
        {"weights.pkl": pickle.dumps(turned, 4)},
        {"weights.pkl": pickle.dumps(arrays, 3)},
    ]


def _tokenizer() -> PreTrainedTokenizerFast:
    names = ["<unk>", "<end>", "Consider", ",", "predict", "relation", ".", *(f"w{number}" for number in range(20))]
    inner = Tokenizer(models.WordLevel({word: number for number, word in enumerate(names)}, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=inner, unk_token="<unk>", eos_token="<end>", pad_token="<end>")


def language_models() -> list[Files]:
    def gpt2(folder: Path) -> None:
        torch.manual_seed(0)
        sizes = {"vocab_size": 30, "n_embd": 8, "n_layer": 1, "n_head": 2, "n_positions": 16}
        GPT2Model(GPT2Config(**sizes, bos_token_id=1, eos_token_id=1)).save_pretrained(folder)
        _tokenizer().save_pretrained(folder)

    def llama(folder: Path) -> None:
        torch.manual_seed(0)
        sizes = {"vocab_size": 30, "hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1}
        LlamaModel(LlamaConfig(**sizes, num_attention_heads=2, num_key_value_heads=1)).save_pretrained(folder)
        _tokenizer().save_pretrained(folder)

    return [_saved_folder(gpt2), _saved_folder(llama)]


def ggufs() -> list[Files]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.gguf"
        writer = gguf.GGUFWriter(path, "llama")
        writer.add_context_length(32)
        writer.add_embedding_length(32)
        writer.add_block_count(1)
        writer.add_feed_forward_length(32)
        writer.add_head_count(2)
        writer.add_head_count_kv(2)
        writer.add_layer_norm_rms_eps(1e-5)
        writer.add_rope_dimension_count(16)
        writer.add_vocab_size(40)
        writer.add_tokenizer_model("gpt2")
        letters = [*"abcdefghijklmnopqrstuvwxyz", "Ġ", "Ċ", *"0123456", "ab", "<unk>", "<|endoftext|>", "<s>", "</s>"]
        writer.add_token_list(letters)
        writer.add_token_types([1] * 38 + [3, 3])
        writer.add_token_merges(["a b"])
        writer.add_bos_token_id(38)
        writer.add_eos_token_id(39)
        rng = np.random.default_rng(0)
        square = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")
        shapes = {"token_embd": (40, 32), **{f"blk.0.{name}": (32, 32) for name in square}}
        shapes |= {"blk.0.attn_norm": (32,), "blk.0.ffn_norm": (32,), "output_norm": (32,)}
        for name, shape in shapes.items():
            writer.add_tensor(f"{name}.weight", rng.standard_normal(shape).astype(np.float32))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return [{"model.gguf": path.read_bytes()}]


def captioners() -> list[Files]:
    from support.hf_models import blip, vit_gpt2

    return [_saved_folder(vit_gpt2), _saved_folder(blip)]


def encoders() -> list[Files]:
    from support.hf_models import vision

    return [_saved_folder(partial(vision, kind=kind)) for kind in ("clip", "dinov2")]


def oscars() -> list[Files]:
    from support.oscar_examples import save as save_oscar
    from support.oscar_examples import small

    checkpoint = small(hidden_size=8, num_hidden_layers=1, intermediate_size=8)
    files = _saved_folder(lambda folder: save_oscar(checkpoint, folder))
    state = {name: value.clone() for name, value in checkpoint.model.state_dict().items()}
    stored = {name: content for name, content in files.items() if not name.endswith(".bin")}
    settings = json.dumps({"do_lower_case": False}).encode()
    return [files, {**stored, "model/model.safetensors": save(state), "model/tokenizer_config.json": settings}]
