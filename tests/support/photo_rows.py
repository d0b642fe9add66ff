"""Rows of marked sentences with all that baselines read of a photo; what tells the relation is known."""

from dataclasses import replace
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import BertConfig, BertModel

from dgf.model.batch import Batch
from dgf.model.interface import RelationModel
from dgf.model.labels import LabelSpace
from dgf.model.language_models import LanguageModel, WordVectors, load_language_model
from dgf.model.networks import build_model
from support.batches import select_rows

WORDS, LENGTH, OBJECTS, OBJECT_DIM = 40, 14, 4, 12
PICTURES, PYRAMID = 4, 48
LABELS = LabelSpace.from_relations(("None", "/per/per/peer", "/per/org/member_of", "/per/loc/place_of_birth"))
SIZES = {
    "bert": "random:bert?num_hidden_layers=2&hidden_size=32&num_attention_heads=4&intermediate_size=64",
    "gpt2": "random:gpt2?n_layer=2&n_embd=32&n_head=4&bos_token_id=0&eos_token_id=0",
    "openai-gpt": "random:openai-gpt?n_layer=2&n_embd=32&n_head=4",
    "llama": "random:llama?num_hidden_layers=2&hidden_size=32&num_attention_heads=4&num_key_value_heads=2"
    "&intermediate_size=48",
    "gemma2": "random:gemma2?num_hidden_layers=2&hidden_size=32",
}


def build(config: Any, kind: str = "bert", *, seen: bool = True) -> RelationModel:
    """Build a small model with new weights, in evaluation mode; not `seen`, it will never get a photo."""
    shape = (OBJECT_DIM, (PICTURES, PYRAMID)) if seen else (0, None)
    if config.reads.word_vectors:
        vectors = torch.randn(WORDS + 4, 16, generator=torch.Generator().manual_seed(1))
        language_model = LanguageModel(WordVectors(vectors), spec="words")
    else:
        language_model = load_language_model(f"{SIZES[kind]}&vocab_size={WORDS}", 1)
    return build_model(config, LABELS, language_model, *shape).eval()


def draw_rows(count: int, seed: int, told_by: Literal["photo", "nothing"] = "nothing") -> Batch:
    """Draw rows of 8 to 14 tokens, 4 of them markers, with pyramids and one to four objects; every fifth has no photo.

    Of `photo`, pyramids and objects show the relation, every row has a photo, and nothing else of the row tells it.
    """
    fixed, draws = torch.Generator().manual_seed(7), torch.Generator().manual_seed(seed)
    tokens = torch.randint(0, WORDS, (count, LENGTH), generator=draws)
    tokens[:, [1, 3, 5, 7]] = WORDS + torch.arange(4)
    there = torch.arange(LENGTH) < torch.randint(8, LENGTH + 1, (count, 1), generator=draws)
    relations = torch.randint(0, len(LABELS.relations), (count,), generator=draws)
    objects = torch.randn(count, OBJECTS, OBJECT_DIM, generator=draws)
    pyramids = torch.randn(count, PICTURES, PYRAMID, generator=draws)
    counts = torch.randint(1, OBJECTS + 1, (count,), generator=draws)
    shown = torch.ones(count, dtype=torch.bool)
    if told_by == "photo":
        objects[:, 0] += 3 * torch.randn(len(LABELS.relations), OBJECT_DIM, generator=fixed)[relations]
        pyramids[:, 0] += torch.randn(len(LABELS.relations), PYRAMID, generator=fixed)[relations]
    else:
        shown[::5] = False
    aligned = torch.rand(count, LENGTH, OBJECTS, generator=draws)
    return Batch(
        tokens=torch.where(there, tokens, 0),
        token_mask=there,
        spans=torch.tensor([[1, 4], [5, 8]]).repeat(count, 1, 1),
        objects=objects,
        object_mask=(torch.arange(OBJECTS) < counts[:, None]) & shown[:, None],
        alignment=aligned * there[:, :, None] * shown[:, None, None],
        blocks=pyramids,
        image_mask=shown,
        relations=relations,
        type_targets=LABELS.type_targets(relations),
        sentences=torch.arange(count),
    )


def without_photos(batch: Batch) -> Batch:
    """Return the same rows as text alone."""
    return batch.having(objects=None, object_mask=None, alignment=None, blocks=None, image_mask=None)


def filled(batch: Batch, more: int = 5) -> Batch:
    """Return the same rows with more padding, and something else wherever a mask is False."""
    rows = len(batch)
    assert batch.objects is not None and batch.object_mask is not None and batch.alignment is not None
    assert batch.blocks is not None and batch.image_mask is not None
    tokens = torch.where(batch.token_mask, batch.tokens, 9)
    return replace(
        batch,
        tokens=torch.cat([tokens, torch.full((rows, more), 7)], 1),
        token_mask=torch.cat([batch.token_mask, torch.zeros(rows, more, dtype=torch.bool)], 1),
        objects=torch.where(batch.object_mask[:, :, None], batch.objects, 100.0),
        alignment=torch.cat([batch.alignment, torch.zeros(rows, more, OBJECTS)], 1),
        blocks=torch.where(batch.image_mask[:, None, None], batch.blocks, 100.0),
    )


def alone(batch: Batch, row: int) -> Batch:
    """Return one row, without its padding."""
    one = select_rows(batch, torch.tensor([row]))
    length = int(one.token_mask.sum())
    parts = {name: getattr(one, name)[:, :length] for name in ("tokens", "token_mask", "alignment")}
    return one.having(**parts)


def published_bert(weights: dict[str, NDArray[Any]]) -> LanguageModel:
    """Make the BERT of golden values, without the last four words of its table, which are the markers there."""
    table = weights["embeddings.word_embeddings.weight"]
    config = BertConfig(
        vocab_size=len(table) - 4,
        hidden_size=table.shape[1],
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=40,
    )
    model = BertModel(config, add_pooling_layer=False)
    state = {name: weights[name] for name in model.state_dict()}
    state["embeddings.word_embeddings.weight"] = table[:-4]
    model.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in state.items()})
    return LanguageModel(model.eval())
