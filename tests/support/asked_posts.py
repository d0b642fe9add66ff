"""A few posts as a prompted model reads them, their captions if wanted, and their scores by transformers alone."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dgf.model.baselines.prompt import Prompt
from dgf.model.batch import Batch
from dgf.model.labels import LabelSpace
from dgf.pipeline.posts import Mention, Post
from dgf.workflows.data import PostEncoder, tokenize_captions

RELATIONS = ("None", "/per/org/member_of", "/per/per/peer", "/loc/loc/contain", "/a/b/lives_in")
LABELS = LabelSpace.from_relations(RELATIONS)
SENTENCES = (
    (("Ada", "met", "Bram", "in", "Rome"), (0, 1), (2, 3)),
    (("RT", "@x", ":", "Bram", "joined", "the", "Ada", "Club", "!"), (6, 8), (3, 4)),
    (("Cleo", "and", "Ada", "Club"), (2, 4), (0, 1)),
    (("Rome", "is", "in", "Italy", "http://t.co/1"), (3, 4), (0, 1)),
    (("Ada", "Bram"), (0, 1), (1, 2)),
    (("nobody", "knows", "Ada", "or", "Cleo"), (4, 5), (2, 3)),
)
CAPTIONS = ("two people in a room", "", "a crowd on a field and a stage", "", "a dog", "a house")
"""Of the posts, in their order; two have none."""


def encode(model: Prompt, sentences: Sequence[Any] = SENTENCES, captions: Sequence[str] = ()) -> Batch:
    posts = [
        Post(str(number), tokens, *(Mention(" ".join(tokens[slice(*span)]), *span) for span in spans))
        for number, (tokens, *spans) in enumerate(sentences)
    ]
    tokenizer = model.language_model.tokenizer
    rows = PostEncoder(tokenizer, 512).encode(posts)
    longest = max(len(row.tokens) for row in rows)
    count = torch.tensor([len(row.tokens) for row in rows])
    relations = torch.arange(len(rows)) % len(RELATIONS)
    return Batch(
        tokens=torch.tensor([[*row.tokens, *[70] * (longest - len(row.tokens))] for row in rows]),
        token_mask=torch.arange(longest) < count[:, None],
        spans=torch.tensor([[row.head, row.tail] for row in rows]),
        relations=relations,
        type_targets=LABELS.type_targets(relations),
        **(tokenize_captions(captions, tokenizer, 32).of(np.arange(len(rows))) if captions else {}),
    )


def one_by_one(model: Prompt, whole: Any, batch: Batch) -> Tensor:
    """Score every answer of every row in a pass of its own of transformers' causal model."""

    def likelihood(before: Sequence[int], answer: Sequence[int]) -> float:
        ids = [*model.wording.opening, *shown, *before, *answer]
        logits = whole(torch.tensor([ids])).logits[0].log_softmax(-1)
        return sum(float(logits[len(ids) - len(answer) + n - 1, token]) for n, token in enumerate(answer))

    shown = model.demonstrations[model.demonstrations >= 0].tolist()
    scores = []
    for row in model.wording.read(batch):
        for answer in model.wording.describe(row):
            score = likelihood(model.wording.ask(row), answer)
            if model.config.calibrate == "context":
                score -= likelihood(model.wording.ask(row, with_post=False), answer)
            scores.append(score / (len(answer) if model.config.normalize else 1))
    return torch.tensor(scores).reshape(len(batch), -1)
