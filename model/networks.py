"""Builds the model that a configuration is of."""

from collections.abc import Callable

from dgf.model.baselines.bert_sg import BertSG
from dgf.model.baselines.cnn import CNN
from dgf.model.baselines.configs import (
    BertSGAttConfig,
    BertSGConfig,
    CNNConfig,
    HVPNeTConfig,
    MegaConfig,
    MTBConfig,
    PCNNConfig,
    PromptConfig,
    VisualBERTConfig,
)
from dgf.model.baselines.hvpnet import HVPNeT
from dgf.model.baselines.mega import Mega
from dgf.model.baselines.mtb import MTB
from dgf.model.baselines.prompt import Prompt
from dgf.model.baselines.visualbert import VisualBERT
from dgf.model.catalog import MODEL_KINDS
from dgf.model.config import RelationConfig, plain_values
from dgf.model.dgf_pt.config import ModelConfig
from dgf.model.dgf_pt.network import DGF
from dgf.model.errors import ModelError
from dgf.model.interface import RelationModel
from dgf.model.labels import LabelSpace
from dgf.model.language_models import WORDS, LanguageModel

NETWORKS: dict[type, Callable[..., RelationModel]] = {
    ModelConfig: DGF,
    CNNConfig: CNN,
    PCNNConfig: CNN,
    MTBConfig: MTB,
    BertSGConfig: BertSG,
    BertSGAttConfig: BertSG,
    MegaConfig: Mega,
    HVPNeTConfig: HVPNeT,
    VisualBERTConfig: VisualBERT,
    PromptConfig: Prompt,
}
"""Of each class of configuration."""


def build_model(
    config: RelationConfig,
    labels: LabelSpace,
    language_model: LanguageModel,
    object_dim: int,
    block_shape: tuple[int, int] | None,
) -> RelationModel:
    """Build the model that a configuration is of, with new weights.

    Args:
        config: Its keys; their class decides what is built.
        labels: Relations and entity types.
        language_model: Becomes part of the model.
        object_dim: D of the objects' features; 0 where no objects will ever come.
        block_shape: (M, C) of the image's blocks, (1, 4096) for fc7, (4, 15360) for pyramids; None where no image will
            ever come.

    Raises:
        ModelError: The language model is word vectors, and the model reads more.
    """
    if language_model.kind == WORDS and not config.reads.word_vectors:
        these = ", ".join(name for name, kind in MODEL_KINDS.items() if kind.config().reads.word_vectors)
        raise ModelError(
            f"{language_model.spec}: word vectors have no layers, which {plain_values(config)['name']} reads; give a "
            f"language model, or model.name as one of those that read word vectors: {these}"
        )
    return NETWORKS[type(config)](config, labels, language_model, object_dim, block_shape)
