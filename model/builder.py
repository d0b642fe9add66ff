"""Builds the network that a configuration is of."""

from collections.abc import Callable

from dgf.model.config import RelationConfig
from dgf.model.dgf_pt.config import ModelConfig
from dgf.model.dgf_pt.network import DGF
from dgf.model.interface import RelationModel
from dgf.model.labels import LabelSpace
from dgf.model.language_model import LanguageModel

NETWORKS: dict[type, Callable[..., RelationModel]] = {ModelConfig: DGF}


def build_model(
    config: RelationConfig,
    labels: LabelSpace,
    language_model: LanguageModel,
    object_dim: int = 0,
    block_shape: tuple[int, int] | None = None,
) -> RelationModel:
    """Build a model with new weights.

    Args:
        config: Its keys; their class decides what is built.
        labels: Relations and entity types.
        language_model: Becomes part of the model.
        object_dim: D of the objects' features; 0 where no objects will ever come.
        block_shape: (M, C) of the image's blocks, (1, 4096) for fc7; None where no image will ever come.
    """
    return NETWORKS[type(config)](config, labels, language_model, object_dim, block_shape)
