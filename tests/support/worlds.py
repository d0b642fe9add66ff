"""Little worlds of random numbers, of which it is known what tells the relation, and networks trained on them."""

from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch import Tensor

from dgf.model.batch import Batch
from dgf.model.dgf_pt.config import ModelConfig
from dgf.model.dgf_pt.network import DGF
from dgf.model.labels import LabelSpace
from dgf.model.language_models import load_language_model
from support.batches import select_rows

World = Literal["photo", "object", "caption", "noise", "mixed"]

LABELS = LabelSpace.from_relations(("None", "/per/per/peer", "/per/per/couple", "/per/per/siblings"))
RELATIONS, WORDS, LENGTH, WIDTH = len(LABELS.relations), 64, 10, 32
OBJECTS, OBJECT_DIM, BLOCKS, BLOCK_DIM = 4, 32, 4, 16
PEOPLE = 40
"""Words 0 to 39 name people, 44 to 59 mean nothing, 60 to 63 tell a relation."""
HEAD, TELLING, TAIL = 1, 3, 5
"""Positions of the words in a sentence."""
LANGUAGE_MODEL = f"random:gpt2?n_layer=2&n_embd={WIDTH}&n_head=4&vocab_size={WORDS}&bos_token_id=0&eos_token_id=0"


@dataclass
class Rows:
    """Rows of a world.

    Args:
        batch: All of them, each with a photo and a caption.
        deciding: (n,) the object that tells the relation (`object`), or whether the photo does (`mixed`).
    """

    batch: Batch
    deciding: Tensor

    def without_photos(self) -> "Rows":
        """Return the same rows as text alone."""
        nothing = dict.fromkeys(("objects", "object_mask", "blocks", "image_mask", "captions", "caption_mask"))
        return replace(self, batch=replace(self.batch, **nothing))


def draw(world: World, count: int, seed: int) -> Rows:
    """Draw rows of a world; what tells nothing in it is noise.

    `photo`: the blocks show the relation. `object`: the object that looks like the head has an attribute that tells it,
    and the others have attributes that mislead. `caption`: the caption tells it. `noise`: a word of the
    sentence tells it, wrong in a tenth of the rows. `mixed`: in half of the rows the blocks show it and the sentence is
    silent, in the others the sentence tells it and the blocks show any relation and a mark.
    """
    fixed, draws = torch.Generator().manual_seed(123), torch.Generator().manual_seed(seed)
    patterns = 1.5 * torch.randn(RELATIONS, BLOCK_DIM, generator=fixed)
    faces = torch.randn(PEOPLE, OBJECT_DIM // 2, generator=fixed)
    attributes = torch.randn(RELATIONS, OBJECT_DIM // 2, generator=fixed)
    mark = 1.5 * torch.randn(BLOCK_DIM, generator=fixed)
    topics = torch.randn(RELATIONS, WIDTH, generator=fixed)

    # sentences of two people that tell nothing
    everybody = torch.stack([torch.randperm(PEOPLE, generator=draws) for _ in range(count)])  # (n, PEOPLE)
    tokens = torch.randint(44, 60, (count, LENGTH), generator=draws)
    tokens[:, HEAD], tokens[:, TAIL] = everybody[:, 0], everybody[:, 1]
    relations, others = (torch.randint(0, RELATIONS, (count,), generator=draws) for _ in range(2))
    blocks = torch.randn(count, BLOCKS, BLOCK_DIM, generator=draws)
    objects = torch.randn(count, OBJECTS, OBJECT_DIM, generator=draws)
    captions = torch.randn(count, WIDTH, generator=draws)
    deciding = torch.zeros(count, dtype=torch.int64)

    # what tells the relation
    if world == "photo":
        blocks = blocks / 2 + patterns[relations].unsqueeze(1)
    elif world == "object":
        deciding = torch.randint(0, OBJECTS, (count,), generator=draws)
        shown = everybody[:, 2 : 2 + OBJECTS]
        shown[torch.arange(count), deciding] = everybody[:, 0]
        having = torch.randint(0, RELATIONS, (count, OBJECTS), generator=draws)
        having[torch.arange(count), deciding] = relations
        objects = torch.cat([faces[shown], attributes[having]], -1) + 0.1 * objects
    elif world == "caption":
        captions = captions / 2 + topics[relations]
    elif world == "noise":
        wrong = torch.rand(count, generator=draws) < 0.1
        tokens[:, TELLING] = 60 + torch.where(wrong, others, relations)
    else:
        helpful = torch.rand(count, generator=draws) < 0.5
        deciding = helpful.long()
        shown_patterns = torch.where(helpful.unsqueeze(1), patterns[relations], patterns[others] + mark)
        blocks = blocks / 2 + shown_patterns.unsqueeze(1)
        tokens[:, TELLING] = torch.where(helpful, 44, 60 + relations)

    everywhere = torch.ones(count, dtype=torch.bool)
    batch = Batch(
        tokens=tokens,
        token_mask=everywhere.unsqueeze(1).expand(-1, LENGTH),
        spans=torch.tensor([[HEAD, HEAD + 1], [TAIL, TAIL + 1]]).repeat(count, 1, 1),
        objects=objects,
        object_mask=everywhere.unsqueeze(1).expand(-1, OBJECTS),
        blocks=blocks,
        image_mask=everywhere,
        captions=captions,
        caption_mask=everywhere,
        relations=relations,
        type_targets=LABELS.type_targets(relations),
        sentences=torch.arange(count),
    )
    return Rows(batch, deciding)


def train(rows: Rows, steps: int, *, size: int = 32, rate: float = 2e-3, seed: int = 0, **keys: Any) -> DGF:
    """Train a network of 2 layers on rows, at a rate that rises and falls; return it in evaluation mode."""
    config = ModelConfig(**{"plm": "full", "dropout": 0.1, "prefix_hidden": 16, "seed": seed, **keys})
    net = DGF(config, LABELS, load_language_model(LANGUAGE_MODEL, seed), OBJECT_DIM, (BLOCKS, BLOCK_DIM)).train()
    inside, new, temperatures = net.parameter_groups()
    groups = [{"params": inside + new, "lr": rate}, {"params": temperatures, "lr": 5 * rate, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW([group for group in groups if group["params"]], weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1, (step + 1) / 20) * (1 - step / steps))
    torch.manual_seed(seed)
    order = torch.cat([torch.randperm(len(rows.batch)) for _ in range(1 + steps * size // len(rows.batch))])
    for chosen in order.split(size)[:steps]:
        batch = select_rows(rows.batch, chosen)
        total = net.loss(net(batch), batch)["total"]
        optimizer.zero_grad()
        total.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    return net.eval()


@torch.no_grad()
def accuracy(net: DGF, rows: Rows) -> float:
    """Share of the rows whose most probable relation is theirs."""
    return float((net(rows.batch).log_probs.argmax(1) == rows.batch.relations).float().mean())
