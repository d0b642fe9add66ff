"""Oscar's next word from a cache."""

import torch
import torch.nn.functional as F
from torch import Tensor

from dgf.pipeline.captioners.oscar.inputs import CaptionContext
from dgf.pipeline.captioners.oscar.network import Oscar, additive


class Cached:
    """Next words from a cache in which beams share all they have in common.

    Tags and regions never look at the caption, so their keys and values are computed once a photo and serve every
    beam. Each later call runs two rows a beam: the last word and a [MASK] in the position after it. Both write their
    keys and values into slots: one for each position and beam, never moved. Which slots a beam sees is a table that
    follows its ancestors, so re-ordering beams re-orders the table and copies no cache. The next word's slot is the
    one where the [MASK] wrote, so no [MASK] outlives its step.

    The network and the context of B photos are on one device. Captions have at most `length` (L) tokens, steps at most
    `beams` (W) beams.
    """

    def __init__(self, model: Oscar, context: CaptionContext, length: int, beams: int, mask_token: int) -> None:
        self.model, self.mask_token = model, mask_token
        self.length, self.beams, self.size = length, beams, 0
        self.device = context.tags.device
        self.photos = len(context.tags)
        tags = model.embed_words(context.tags, context.positions, context.segments)
        rows = torch.cat([tags, model.embed_regions(context.regions)], dim=1)  # (B, C, H)
        self.context_size = rows.shape[1]
        # Rows of padding look at the context too: nothing looks at them, and no row of a softmax is empty.
        mask = additive(context.mask, rows.dtype)
        self.context_mask = mask[:, None]  # (B, 1, C)
        self.slots: list[tuple[Tensor, Tensor]] = []  # of each layer, keys and values (B, heads, C + L * W, .)
        for number, layer in enumerate(model.layers, 1):
            keys, values = layer.keys_values(rows)
            self.slots.append((self._with_room(keys), self._with_room(values)))
            if number < len(model.layers):  # what the last layer would make of the context, nothing reads
                rows = layer(rows, keys, values, mask[:, None, None])
        self.sees = torch.zeros(self.photos, 1, length * beams, dtype=torch.bool, device=self.device)

    def _with_room(self, rows: Tensor) -> Tensor:
        room = rows.new_zeros(*rows.shape[:2], self.context_size + self.length * self.beams, rows.shape[3])
        room[:, :, : self.context_size] = rows
        return room

    @torch.inference_mode()
    def step(self, tokens: Tensor, parents: Tensor | None) -> Tensor:
        """Append a word to every beam and score the next.

        Args:
            tokens: The words (B, W); the number of beams W may change from the first call to the second.
            parents: Which of the last call's beams each beam continues, (B, W); None in the first call.

        Returns:
            Log-probabilities of the next word, (B, W, V) float32.
        """
        tokens = tokens.to(self.device)
        width = tokens.shape[1]
        if parents is not None:
            parents = parents.to(self.device)
            self.sees = self.sees.gather(1, parents.unsqueeze(-1).expand(-1, -1, self.sees.shape[-1]))
        here, after = self.size * self.beams, (self.size + 1) * self.beams
        beam = torch.arange(width, device=self.device)
        self.sees[:, beam, here + beam] = True
        mask_sees = self.sees.clone()
        mask_sees[:, beam, after + beam] = True

        end = after + width
        own = additive(torch.cat([self.sees, mask_sees], dim=1)[..., :end], self.context_mask.dtype)  # (B, 2W, end)
        mask = torch.cat([self.context_mask.expand(-1, 2 * width, -1), own], dim=-1).unsqueeze(1)
        positions = torch.full_like(tokens, self.size)
        rows = self.model.embed_words(
            torch.cat([tokens, torch.full_like(tokens, self.mask_token)], dim=1),
            torch.cat([positions, positions + 1], dim=1),
            tokens.new_zeros(len(tokens), 2 * width),
        )  # (B, 2W, H): the words, then the masks
        end, here, after = (self.context_size + slot for slot in (end, here, after))
        for number, (layer, (keys, values)) in enumerate(zip(self.model.layers, self.slots, strict=True), 1):
            for room, new in zip((keys, values), layer.keys_values(rows), strict=True):
                room[:, :, here : here + width] = new[:, :, :width]
                room[:, :, after:end] = new[:, :, width:]
            if number == len(self.slots):  # only the masks are asked for a word
                rows, mask = rows[:, width:], mask[:, :, width:]
            rows = layer(rows, keys[:, :, :end], values[:, :, :end], mask)
        self.size += 1
        return F.log_softmax(self.model.words(rows).float(), dim=-1)  # (B, W, V)

    def keep(self, rows: Tensor) -> None:
        """Leave only the photos with these indices in the batch."""
        rows = rows.to(self.device)
        self.photos = len(rows)
        self.sees, self.context_mask = self.sees[rows], self.context_mask[rows]
        for number, (keys, values) in enumerate(self.slots):
            self.slots[number] = keys[rows], values[rows]
