"""Greedy and beam decoding as the published captioning code does them."""

from dataclasses import dataclass

import torch
from torch import Tensor

from dgf.pipeline.captioners.oscar.cached import Cached

SHRINK = 0.25  # finished photos leave the batch once they are this share of it: leaving costs a copy of the cache


@dataclass(frozen=True)
class Words:
    """Ids that steer decoding.

    Args:
        cls: First token of every caption.
        pad: Fed to beams that no longer matter.
        ends: Words that end a caption. The 2020 release also ended at [PAD].
    """

    cls: int
    pad: int
    ends: tuple[int, ...]


@dataclass(frozen=True)
class DecodedCaption:
    """One caption: its word ids without [CLS] and [SEP], and the mean log-probability of its words and its end."""

    ids: tuple[int, ...]
    score: float


def decode_captions(model: Cached, words: Words, length: int, beams: int) -> list[DecodedCaption]:
    """The best caption of every photo; one beam is greedy decoding."""
    return greedy(model, words, length) if beams == 1 else beam_search(model, words, length, beams)


def greedy(model: Cached, words: Words, length: int) -> list[DecodedCaption]:
    """The best word each time, until one that ends the caption or until it has `length` tokens.

    The last token at full length is overwritten by [SEP], so that word is lost, yet its log-probability counts.
    """
    alive = list(range(model.photos))
    ids: list[list[int]] = [[] for _ in alive]
    logs: list[list[float]] = [[] for _ in alive]
    ended: set[int] = set()
    tokens, parents = [words.cls] * model.photos, None
    for _ in range(length - 1):
        scores = model.step(_column(tokens), parents)[:, 0]  # (B, V)
        best, tokens = (values.tolist() for values in scores.max(dim=-1))
        for photo, word, log in zip(alive, tokens, best, strict=True):
            if photo in ended:
                continue
            logs[photo].append(log)
            if word in words.ends:
                ended.add(photo)
            else:
                ids[photo].append(word)
        if len(ended) == len(ids):
            break
        rows = _rows_to_keep(alive, ended)
        if rows is not None:
            model.keep(torch.tensor(rows))
            alive, tokens = [alive[row] for row in rows], [tokens[row] for row in rows]
        parents = torch.zeros(len(alive), 1, dtype=torch.long)
    return [
        DecodedCaption(tuple(found if photo in ended else found[:-1]), sum(log) / len(log))
        for photo, (found, log) in enumerate(zip(ids, logs, strict=True))
    ]


def beam_search(model: Cached, words: Words, length: int, beams: int) -> list[DecodedCaption]:
    """The best caption of every photo.

    At the last step every candidate becomes a caption whose last word is dropped and whose score is kept.
    """
    found: dict[int, DecodedCaption] = {}  # the best finished caption of each photo
    photos = alive = list(range(model.photos))  # alive: the photo in each row of the batch
    ended: set[int] = set()
    tokens, parents = _column([words.cls] * model.photos), None
    ids: list[list[tuple[int, ...]]] = [[()] for _ in alive]  # of every beam of every row
    totals = torch.zeros(model.photos, 1)
    for size in range(1, length):
        # Score every continuation of every beam, and take the best 2W of each photo.
        scores = model.step(tokens, parents)  # (B, W, V)
        vocabulary = scores.shape[-1]
        scores = (scores + totals.to(scores.device).unsqueeze(-1)).flatten(1)  # (B, W * V)
        best, indices = (values.tolist() for values in scores.topk(min(2 * beams, scores.shape[1]), dim=1))
        # Sort them into finished captions and the W beams of the next step.
        next_ids: list[list[tuple[int, ...]]] = []
        next_beams: list[list[tuple[float, int, int]]] = []
        for row, photo in enumerate(alive):
            leader = found.get(photo)
            if photo in ended or (leader and leader.score >= best[row][0] / (length - 1)):
                ended.add(photo)
                next_ids.append([()] * beams)
                next_beams.append([(0.0, words.pad, 0)] * beams)
                continue
            grown: list[tuple[float, int, int]] = []
            for total, index in zip(best[row], indices[row], strict=True):
                parent, word = divmod(index, vocabulary)
                if word in words.ends or size + 1 == length:
                    score = total / size  # tokens with [CLS], without [SEP]
                    if photo not in found or score > found[photo].score:  # of equals, the first stays
                        found[photo] = DecodedCaption(ids[row][parent], score)
                else:
                    grown.append((total, word, parent))
                if len(grown) == beams:
                    break
            next_ids.append([(*ids[row][parent], word) for _, word, parent in grown])
            next_beams.append(grown)
        if len(ended) == len(photos) or size + 1 == length:
            break
        # Let finished photos leave the batch, and set the next beams up.
        rows = _rows_to_keep(alive, ended)
        if rows is not None:
            model.keep(torch.tensor(rows))
            alive = [alive[row] for row in rows]
            next_ids, next_beams = [next_ids[row] for row in rows], [next_beams[row] for row in rows]
        ids = next_ids
        totals = torch.tensor([[total for total, _, _ in row] for row in next_beams])
        tokens = torch.tensor([[word for _, word, _ in row] for row in next_beams])
        parents = torch.tensor([[parent for _, _, parent in row] for row in next_beams])
    return [found[photo] for photo in photos]


def _column(tokens: list[int]) -> Tensor:
    return torch.tensor(tokens).unsqueeze(1)


def _rows_to_keep(alive: list[int], ended: set[int]) -> list[int] | None:
    """Rows of the photos that still grow, where enough have ended that leaving them out pays."""
    rows = [row for row, photo in enumerate(alive) if photo not in ended]
    return rows if len(rows) <= (1 - SHRINK) * len(alive) else None
