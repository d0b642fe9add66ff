"""Small causal language models of random weights in folders, with a tokenizer that can spell any text."""

from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM

from dgf.workflows.data import train_tokenizer

SENTENCES = (
    "The relation between Ada and Bram is that Ada is a member of Bram.",
    "Sentence: Ada met Bram , who lives in Rome , and is not related to Cleo.",
)
_SIZES: dict[str, dict[str, Any]] = {
    "gpt2": {"n_embd": 32, "n_layer": 2, "n_head": 2},
    "openai-gpt": {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 1024},
    "llama": {
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
    },
    # its attention is its own, so that it runs with a cache
    "falcon": {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2},
}


def causal_model(folder: Path, kind: str = "gpt2", **keys: Any) -> Path:
    """Save a model whose likelihoods differ well from one another."""
    tokenizer = train_tokenizer(SENTENCES, 400)
    torch.manual_seed(0)
    config = AutoConfig.for_model(kind, **{**_SIZES[kind], "vocab_size": 400, "initializer_range": 0.2, **keys})
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
