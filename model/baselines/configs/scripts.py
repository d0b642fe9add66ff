"""Public scripts that several systems were trained with, and how those that read a BERT are in the demo."""

from collections.abc import Mapping
from typing import Any

PUBLIC_BERT = "bert-base-uncased"

SMALL_BERT = "random:bert?num_hidden_layers=2&hidden_size=128&num_attention_heads=4&intermediate_size=512"

MEGA_OPTIM: Mapping[str, Any] = {
    "epochs": 10,
    "batch_size": 32,
    "learning_rate": 2e-5,
    "lm_learning_rate": 2e-5,
    "weight_decay": 0.01,
    "warmup_steps": 300,
    "clip_norm": None,
}

HVPNET_OPTIM: Mapping[str, Any] = {
    "epochs": 15,
    "batch_size": 16,
    "learning_rate": 3e-5,
    "lm_learning_rate": 3e-5,
    "decay": "all",
    "warmup": 0.06,
    "clip_norm": None,
}

DEMO_OPTIM: Mapping[str, Any] = {"epochs": 3, "batch_size": 16, "learning_rate": 1e-3, "lm_learning_rate": 5e-4}
