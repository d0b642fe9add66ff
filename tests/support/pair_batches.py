"""Batches of sentences with markers and objects, for models that read them; what tells the relation is known."""

from dataclasses import replace
from typing import Any, Literal

import torch

from dgf.model.batch import Batch
from dgf.model.interface import RelationModel
from dgf.model.labels import LabelSpace
from dgf.model.language_models import load_language_model
from dgf.model.networks import build_model

WORDS, OBJECTS, OBJECT_DIM = 40, 4, 12
LABELS = LabelSpace.from_relations(("None", "/per/per/peer", "/per/org/member_of", "/per/loc/place_of_birth"))
LANGUAGE_MODEL = (
    "random:bert?num_hidden_layers=2&hidden_size=32&num_attention_heads=4&intermediate_size=64"
    f"&vocab_size={WORDS}&max_position_embeddings=64"
)


def build(config: Any, object_dim: int = OBJECT_DIM) -> RelationModel:
    """Build a small model with new weights, in evaluation mode."""
    return build_model(config, LABELS, load_language_model(LANGUAGE_MODEL, 0), object_dim, None).eval()


def draw_pairs(count: int, seed: int, told_by: Literal["objects", "nothing"] = "nothing") -> Batch:
    """Draw rows of 8 to 14 tokens, 4 of them markers, with up to four objects; every fifth row of `nothing` has none.

    Of `objects`, the first one of each row shows the relation, and nothing else of the row tells it.
    """
    fixed, draws = torch.Generator().manual_seed(7), torch.Generator().manual_seed(seed)
    patterns = 3 * torch.randn(len(LABELS.relations), OBJECT_DIM, generator=fixed)
    lengths = torch.randint(8, 15, (count,), generator=draws)
    tokens = torch.randint(0, WORDS, (count, 14), generator=draws)
    tokens[:, [0, 2, 4, 6]] = WORDS + torch.arange(4)
    relations = torch.randint(0, len(LABELS.relations), (count,), generator=draws)
    objects = torch.randn(count, OBJECTS, OBJECT_DIM, generator=draws)
    counts = torch.randint(1, OBJECTS + 1, (count,), generator=draws)
    if told_by == "objects":
        objects[:, 0] += patterns[relations]
    else:
        counts[::5] = 0
    mask = torch.arange(OBJECTS) < counts[:, None]
    there = torch.arange(14) < lengths[:, None]
    alignment = torch.rand(count, 14, OBJECTS, generator=draws)
    return Batch(
        tokens=torch.where(there, tokens, 0),
        token_mask=there,
        spans=torch.tensor([[0, 3], [4, 7]]).repeat(count, 1, 1),
        objects=objects,
        object_mask=mask,
        alignment=alignment * there.unsqueeze(2) * (counts > 0)[:, None, None],
        relations=relations,
        type_targets=LABELS.type_targets(relations),
        sentences=torch.arange(count),
    )


def without_objects(batch: Batch) -> Batch:
    """Return the same rows as text alone."""
    return batch.having(objects=None, object_mask=None, alignment=None)


def widened(batch: Batch, more: int = 5) -> Batch:
    """Return the same rows with more padding, which holds anything."""
    rows = len(batch)
    assert batch.alignment is not None
    return replace(
        batch,
        tokens=torch.cat([batch.tokens, torch.full((rows, more), 7)], 1),
        token_mask=torch.cat([batch.token_mask, torch.zeros(rows, more, dtype=torch.bool)], 1),
        alignment=torch.cat([batch.alignment, torch.zeros(rows, more, OBJECTS)], 1),
    )
