"""The demo's BERT, for models that read a sentence from both sides: small, trained on the language of the world.

`python -m dgf.workflows.demo.parts.masked_language_model OUT` makes it again.
"""

import logging
import math
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from tokenizers import processors
from torch import Tensor
from transformers import BertConfig, BertForMaskedLM, PreTrainedTokenizerBase

from dgf.workflows.data import train_tokenizer
from dgf.workflows.demo.parts.descent import descend
from dgf.workflows.demo.parts.language_model import TEXT_SEED, draw_texts
from dgf.workflows.demo.parts.rebuild import rebuild

MASKED_LANGUAGE_MODEL = Path(__file__).parent / "weights" / "masked_language_model"
"""Where the trained one lies."""

_SIZES: dict[str, Any] = {
    "max_position_embeddings": 256,
    "hidden_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 512,
}
_VOCABULARY = 1500
_ROWS, _STEPS, _RATE = 48, 5000, 1.5e-3
_HIDDEN = 0.3  # of the pieces of words; with fewer, a small model learns slower
_TEXTS_FOR_WORDS = 24_000
_log = logging.getLogger(__name__)


def train_pieces(texts: Iterable[str], size: int) -> PreTrainedTokenizerBase:
    """Learn GPT-2's kind of vocabulary (WordPiece's trainer does not repeat itself), an end before each text too."""
    tokenizer = train_tokenizer(texts, size)
    end = str(tokenizer.eos_token)
    frame = processors.TemplateProcessing(f"{end} $A {end}", special_tokens=[(end, int(tokenizer.eos_token_id or 0))])
    tokenizer.backend_tokenizer.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=True), frame])
    return tokenizer


def train_masked_language_model(out: Path, steps: int = _STEPS) -> None:
    """Train a BERT and write it as transformers does, in float16.

    Args:
        out: Folder, of which files of the same names are replaced.
        steps: Of training; every text is read once.
    """
    tokenizer = train_pieces(islice(draw_texts(TEXT_SEED), _TEXTS_FOR_WORDS), _VOCABULARY)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = BertForMaskedLM(BertConfig(vocab_size=len(tokenizer), **_SIZES))

    # In evaluation mode, without dropout: of texts that are read once, nothing can be learned by heart.
    model.eval()
    drawn = torch.Generator().manual_seed(0)
    losses = (model(**batch).loss for batch in masked_batches(draw_texts(TEXT_SEED), tokenizer, drawn))
    for step, mean in descend(model, losses, steps, _RATE, every=100, betas=(0.9, 0.95)):
        _log.info("step %d of %d: %.3f bits a hidden piece", step, steps, mean / math.log(2))

    out.mkdir(parents=True, exist_ok=True)
    model.half().save_pretrained(out)
    tokenizer.save_pretrained(out)


def masked_batches(
    texts: Iterator[str], tokenizer: PreTrainedTokenizerBase, drawn: torch.Generator
) -> Iterator[dict[str, Tensor]]:
    """Hide pieces of words of texts, a text a row, as for BERT: of those asked for, one in ten stays, one is another.

    Yields:
        `input_ids`, `attention_mask` and `labels`, (B, L) int64 each; a label of -100 is not asked for.
    """
    special = torch.tensor(sorted(tokenizer.all_special_ids))
    while rows := list(islice(texts, _ROWS)):
        encoded = tokenizer(rows, padding=True, truncation=True, max_length=128, return_tensors="pt")
        ids: Tensor = encoded["input_ids"]
        chance = torch.rand(ids.shape, generator=drawn)
        asked = (chance < _HIDDEN) & ~torch.isin(ids, special)
        how = torch.rand(ids.shape, generator=drawn)
        wrong = torch.randint(len(special), len(tokenizer), ids.shape, generator=drawn)
        shown = torch.where(asked & (how < 0.8), torch.full_like(ids, int(tokenizer.mask_token_id or 0)), ids)
        shown = torch.where(asked & (how >= 0.9), wrong, shown)
        labels = ids.masked_fill(~asked, -100)
        yield {"input_ids": shown, "attention_mask": encoded["attention_mask"], "labels": labels}


@torch.inference_mode()
def share_told(model: BertForMaskedLM, tokenizer: PreTrainedTokenizerBase, texts: Iterable[str]) -> float:
    """Measure which share of the pieces of words hidden in some texts the model tells."""
    right = asked = 0
    for batch in masked_batches(iter(texts), tokenizer, torch.Generator().manual_seed(0)):
        labels = batch.pop("labels")
        told = model(**batch).logits.argmax(-1)
        right += int((told == labels).sum())
        asked += int((labels >= 0).sum())
    return right / asked


if __name__ == "__main__":
    rebuild("BERT", train_masked_language_model)
