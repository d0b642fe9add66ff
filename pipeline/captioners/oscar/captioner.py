"""Oscar as a captioner: regions and tags of a batch in, words out."""

from collections.abc import Sequence

import torch

from dgf.pipeline.captioners.base import NO_REGIONS, Caption, CaptionerSpec, CaptionInput, missing
from dgf.pipeline.captioners.oscar.cached import Cached
from dgf.pipeline.captioners.oscar.checkpoint import OscarCheckpoint
from dgf.pipeline.captioners.oscar.decoding import Words, decode_captions
from dgf.pipeline.captioners.oscar.inputs import FIRST_TAG_POSITION, MAX_TAG_PIECES, build_context
from dgf.pipeline.errors import UserError

ENDED = "the captioner ended before its first word"


class OscarCaptioner:
    """Captions from regions and tags.

    Raises:
        UserError: The checkpoint has too few positions for captions of that length.
    """

    def __init__(self, checkpoint: OscarCheckpoint, spec: CaptionerSpec, device: str) -> None:
        config, tokenizer = checkpoint.model.config, checkpoint.tokenizer
        positions = max(FIRST_TAG_POSITION, spec.length) + MAX_TAG_PIECES + 1
        if positions > config.max_position_embeddings:
            raise UserError(
                f"Captions of {spec.length} word pieces need {positions} positions, {spec.source} has "
                f"{config.max_position_embeddings}.",
                f"Give --length {config.max_position_embeddings - MAX_TAG_PIECES - 1} or less.",
            )
        self._spec = spec
        self._device = torch.device(device)
        self._model = checkpoint.model.to(self._device, getattr(torch, spec.precision))
        self._tokenizer = tokenizer
        # The 2020 release took [PAD] for an end as well. Scores are means in either layout: shards mean one thing.
        ends = (tokenizer.sep_token_id, tokenizer.pad_token_id)[: 2 if checkpoint.layout == "2020" else 1]
        self._words = Words(tokenizer.cls_token_id, tokenizer.pad_token_id, ends)

    def caption(self, photos: Sequence[CaptionInput]) -> list[Caption]:
        """One caption a photo; none for a photo without regions."""
        shown = [photo for photo in photos if len(photo.regions)]
        found = iter(self._run(shown) if shown else [])
        return [next(found) if len(photo.regions) else missing(NO_REGIONS) for photo in photos]

    @torch.inference_mode()
    def _run(self, photos: Sequence[CaptionInput]) -> list[Caption]:
        spec = self._spec
        context = build_context(photos, self._tokenizer, spec.length, self._device)
        model = Cached(self._model, context, spec.length, spec.beams, self._tokenizer.mask_token_id)
        captions = []
        for decoded in decode_captions(model, self._words, spec.length, spec.beams):
            text = str(self._tokenizer.decode(list(decoded.ids), skip_special_tokens=True)).strip()
            captions.append(Caption(text, decoded.score) if text else missing(ENDED))
        return captions
