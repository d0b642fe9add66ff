"""The keys and presets of the systems that the paper compares with, a file each."""

from dgf.model.baselines.configs.bert_sg import BertSGAttConfig, BertSGConfig
from dgf.model.baselines.configs.cnn import CNNConfig, PCNNConfig
from dgf.model.baselines.configs.hvpnet import HVPNeTConfig
from dgf.model.baselines.configs.kinds import BASELINES, NAMED_WITHOUT
from dgf.model.baselines.configs.mega import MegaConfig
from dgf.model.baselines.configs.mtb import MTBConfig
from dgf.model.baselines.configs.prompt import PromptConfig
from dgf.model.baselines.configs.visualbert import VisualBERTConfig

__all__ = [
    "BASELINES",
    "NAMED_WITHOUT",
    "BertSGAttConfig",
    "BertSGConfig",
    "CNNConfig",
    "HVPNeTConfig",
    "MTBConfig",
    "MegaConfig",
    "PCNNConfig",
    "PromptConfig",
    "VisualBERTConfig",
]
