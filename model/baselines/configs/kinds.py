"""All of them, by their names."""

from collections.abc import Mapping
from typing import Any

from dgf.model.baselines.configs.bert_sg import BERT_SG_PRESETS, BertSGAttConfig, BertSGConfig
from dgf.model.baselines.configs.cnn import CNN_PRESETS, CNNConfig, PCNNConfig
from dgf.model.baselines.configs.hvpnet import HVPNET_PRESETS, HVPNeTConfig
from dgf.model.baselines.configs.mega import MEGA_PRESETS, MegaConfig
from dgf.model.baselines.configs.mtb import MTB_PRESETS, MTBConfig
from dgf.model.baselines.configs.prompt import PROMPT_PRESETS, PromptConfig
from dgf.model.baselines.configs.visualbert import VISUALBERT_PRESETS, VisualBERTConfig

BASELINES: Mapping[str, tuple[type, Mapping[str, Mapping[str, Any]]]] = {
    "cnn": (CNNConfig, CNN_PRESETS),
    "pcnn": (PCNNConfig, CNN_PRESETS),
    "mtb": (MTBConfig, MTB_PRESETS),
    "bert-sg": (BertSGConfig, BERT_SG_PRESETS),
    "bert-sg-att": (BertSGAttConfig, BERT_SG_PRESETS),
    "visualbert": (VisualBERTConfig, VISUALBERT_PRESETS),
    "mega": (MegaConfig, MEGA_PRESETS),
    "hvpnet": (HVPNeTConfig, HVPNET_PRESETS),
    "prompt": (PromptConfig, PROMPT_PRESETS),
}
"""Configuration and presets of each, by `model.name`."""

NAMED_WITHOUT: Mapping[str, Mapping[str, Any]] = {"prompt": {"captions": False}}
"""See `ModelKind.named_without`, by `model.name`."""
