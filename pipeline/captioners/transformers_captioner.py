"""Any image-to-text model of transformers in a local folder (BLIP, ViT-GPT2, ...) as a captioner that reads pixels."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import AutoImageProcessor, AutoModelForImageTextToText, AutoTokenizer

from dgf.pipeline.captioners.base import Caption, CaptionerSpec, CaptionInput, missing
from dgf.pipeline.checkpoints import CONFIG_FILE, LOCAL, check_filled, hushed, loading
from dgf.pipeline.errors import UserError
from dgf.pipeline.photos import ImageError

HINT = (
    "Fetch an image captioning model, such as Salesforce/blip-image-captioning-base or nlpconnect/vit-gpt2-image-"
    "captioning (`hf download NAME --local-dir DIR`), and give its folder as --model."
)
WORDLESS = "the captioner gave no words"


class HfCaptioner:
    """Captions from pixels.

    Raises:
        UserError: The folder is not such a model, or its weights do not fill it.
    """

    def __init__(self, spec: CaptionerSpec, device: str) -> None:
        self._spec = spec
        self._device = torch.device(device)
        self._dtype = getattr(torch, spec.precision)
        folder = Path(spec.source)
        if not (folder / CONFIG_FILE).is_file():
            raise UserError(f"{folder} is not a folder of a transformers model: {CONFIG_FILE} is missing.", HINT)
        self._processor, self._tokenizer, model = _load(folder)
        self._model = model.to(self._device, self._dtype).eval()

    def caption(self, photos: Sequence[CaptionInput]) -> list[Caption]:
        """Give one caption a photo; none for one that cannot be decoded."""
        pixels: list[NDArray[np.uint8]] = []
        reasons: list[str | None] = []
        for photo in photos:
            try:
                pixels.append(np.array(photo.pixels()))  # a copy, since torch wants to be able to write
                reasons.append(None)
            except ImageError as error:
                reasons.append(str(error))
        found = iter(self._run(pixels) if pixels else [])
        return [next(found) if reason is None else missing(reason) for reason in reasons]

    @torch.inference_mode()
    def _run(self, pixels: list[NDArray[np.uint8]]) -> list[Caption]:
        inputs = self._processor(images=pixels, input_data_format="channels_last", return_tensors="pt")["pixel_values"]
        with hushed():  # it asks for a mask of the text, of which there is none yet
            output = self._model.generate(
                pixel_values=inputs.to(self._device, self._dtype),
                num_beams=self._spec.beams,
                max_length=self._spec.length,
                do_sample=False,
                return_dict_in_generate=True,
                output_scores=True,
            )
        texts = self._tokenizer.batch_decode(output.sequences, skip_special_tokens=True)
        captions = []
        for text, score in zip(texts, self._scores(output).tolist(), strict=True):
            words = " ".join(str(text).split())
            captions.append(Caption(words, score) if words else missing(WORDLESS))
        return captions

    def _scores(self, output: Any) -> Tensor:
        """Log-probability of each caption, averaged over its words."""
        if self._spec.beams > 1:
            scores: Tensor = output.sequences_scores.float()
            return scores
        # (B, words)
        logs: Tensor = self._model.compute_transition_scores(output.sequences, output.scores, normalize_logits=True)
        words = output.sequences[:, -logs.shape[1] :]
        ends = torch.isin(words, torch.tensor(self._ends(), device=words.device, dtype=words.dtype))
        counted = ends.cumsum(dim=1) - ends.long() == 0  # up to the first end, that one too
        return logs.masked_fill(~counted, 0.0).sum(dim=1) / counted.sum(dim=1)

    def _ends(self) -> list[int]:
        candidates = (
            self._model.generation_config.eos_token_id,
            getattr(self._model.config.get_text_config(), "sep_token_id", None),
            self._tokenizer.sep_token_id,
            self._tokenizer.eos_token_id,
        )
        flat = [item for value in candidates for item in (value if isinstance(value, list) else [value])]
        return sorted({item for item in flat if item is not None})


def _load(folder: Path) -> tuple[Any, Any, Any]:
    with loading(folder, "an image-to-text model", HINT):
        loaded: Any = AutoModelForImageTextToText.from_pretrained(folder, output_loading_info=True, **LOCAL)
        processor = AutoImageProcessor.from_pretrained(folder, **LOCAL)
        tokenizer = AutoTokenizer.from_pretrained(folder, **LOCAL)
    model, info = loaded
    check_filled(folder, info, HINT)
    return processor, tokenizer, model
