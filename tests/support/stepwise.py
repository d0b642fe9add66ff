"""Oscar's next word the published way, which has no cache, and the published search for several captions."""

from dataclasses import fields, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from dgf.pipeline.captioners.oscar import Cached, CaptionContext, DecodedCaption, Oscar, Words
from dgf.pipeline.captioners.oscar.network import additive


class Stepwise:
    """Next words the published way: each step runs the whole caption, tags and regions again, for every beam."""

    def __init__(self, model: Oscar, context: CaptionContext, mask_token: int) -> None:
        self.model, self.context, self.mask_token = model, context, mask_token
        self.history: Tensor | None = None  # (B, W, words so far)

    @property
    def photos(self) -> int:
        """How many photos are in the batch."""
        return len(self.context.tags)

    @torch.inference_mode()
    def step(self, tokens: Tensor, parents: Tensor | None) -> Tensor:
        """See `Cached.step`."""
        tokens = tokens.to(self.context.tags.device)
        if self.history is None or parents is None:
            self.history = tokens.unsqueeze(-1)
        else:
            order = parents.to(tokens.device).unsqueeze(-1).expand(-1, -1, self.history.shape[-1])
            self.history = torch.cat([self.history.gather(1, order), tokens.unsqueeze(-1)], dim=-1)
        photos, width, size = self.history.shape
        inputs, positions, segments, regions, sees = stepwise_inputs(
            self.history.flatten(0, 1),
            select(self.context, torch.arange(photos, device=tokens.device).repeat_interleave(width)),
            self.mask_token,
        )
        rows = run_uncached(self.model, inputs, positions, segments, regions, sees)[-1][
            :, size
        ]  # the [MASK]'s, (B * W, H)
        logs = F.log_softmax(self.model.words(rows).float(), dim=-1)  # (B * W, V)
        return logs.view(photos, width, -1)

    def keep(self, rows: Tensor) -> None:
        """See `Cached.keep`."""
        rows = rows.to(self.context.tags.device)
        self.context = select(self.context, rows)
        if self.history is not None:
            self.history = self.history[rows]


def stepwise_inputs(
    history: Tensor, context: CaptionContext, mask_token: int
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """What `run_uncached` reads to name the word after `history` (B, k), in the order of its arguments."""
    count, size = history.shape
    caption = size + 1
    tokens = torch.cat([history, history.new_full((count, 1), mask_token), context.tags], dim=1)
    steps = torch.arange(caption, device=history.device).expand(count, -1)
    positions = torch.cat([steps, context.positions], dim=1)
    segments = torch.cat([torch.zeros_like(steps), context.segments], dim=1)
    there = context.mask  # (B, C)
    total = caption + there.shape[1]
    sees = torch.zeros(count, total, total, dtype=torch.bool, device=history.device)
    sees[:, :caption, :caption] = torch.ones(caption, caption, dtype=torch.bool, device=history.device).tril()
    sees[:, :caption, caption:] = there[:, None]
    sees[:, caption:, caption:] = there[:, None] & there[:, :, None]
    return tokens, positions, segments, context.regions, sees


def run_uncached(
    model: Oscar, tokens: Tensor, positions: Tensor, segments: Tensor, regions: Tensor, sees: Tensor
) -> list[Tensor]:
    """Run everything at once.

    Args:
        model: The network.
        tokens: Words (B, T).
        positions: Their positions (B, T).
        segments: Their segments (B, T).
        regions: Regions (B, R, img_feature_dim).
        sees: Which row looks at which column, (B, T + R, T + R).

    Returns:
        Hidden states (B, T + R, H): the embeddings, then one after each layer.
    """
    rows = torch.cat([model.embed_words(tokens, positions, segments), model.embed_regions(regions)], dim=1)
    mask = additive(sees, rows.dtype).unsqueeze(1)  # (B, 1, T + R, T + R)
    states = [rows]
    for layer in model.layers:
        states.append(layer(states[-1], *layer.keys_values(states[-1]), mask))
    return states


def select(context: CaptionContext, rows: Tensor) -> CaptionContext:
    """The photos with these indices, in this order."""
    tensors = {field.name: getattr(context, field.name) for field in fields(context) if field.name != "tag_start"}
    return replace(context, **{name: value[rows] for name, value in tensors.items()})


def several_best(model: "Cached | Stepwise", words: Words, length: int, beams: int, keep: int) -> list[DecodedCaption]:
    """The `keep` best captions of one photo, best first, by a beam search written down plainly."""
    finished: list[DecodedCaption] = []
    grown: list[tuple[float, tuple[int, ...], int]] = [(0.0, (), 0)]  # score, words, the beam each continues
    for size in range(1, length):
        tokens = torch.tensor([[ids[-1] if ids else words.cls for _, ids, _ in grown]])
        logs = model.step(tokens, None if size == 1 else torch.tensor([[parent for *_, parent in grown]]))[0]  # (W, V)
        totals = logs + torch.tensor([total for total, *_ in grown]).unsqueeze(1)
        top = totals.flatten().topk(2 * beams)
        best = [(float(total), *divmod(int(index), logs.shape[1])) for total, index in zip(*top, strict=True)]
        if len(finished) == keep and finished[-1].score >= best[0][0] / (length - 1):
            break
        before, grown = grown, []
        for total, parent, word in best:
            ids = before[parent][1]
            if word in words.ends or size + 1 == length:
                finished = sorted([*finished, DecodedCaption(ids, total / size)], key=lambda found: -found.score)[:keep]
            else:
                grown.append((total, (*ids, word), parent))
            if len(grown) == beams:
                break
    return finished
