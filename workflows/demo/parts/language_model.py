"""The demo's language model: a small GPT-2 with a byte-level BPE of its own, trained on the language of the world.

`python -m dgf.workflows.demo.parts.language_model OUT` makes it again.
"""

import logging
import math
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerBase

from dgf.workflows.data import train_tokenizer
from dgf.workflows.demo.parts.descent import descend
from dgf.workflows.demo.parts.rebuild import rebuild
from dgf.workflows.demo.world import DrawnPost, describe, draw_posts

LANGUAGE_MODEL = Path(__file__).parent / "weights" / "language_model"
"""Where the trained one lies."""

TEXT_SEED, HELD_OUT_TEXT_SEED = 1_000_000, 2_000_000
"""Of the worlds whose posts train and measure it; no demo draws posts with such seeds."""

_SIZES: dict[str, Any] = {"n_positions": 256, "n_embd": 128, "n_layer": 2, "n_head": 4}
_VOCABULARY = 1500
_ROWS, _STEPS, _RATE = 8, 2500, 3e-3  # each row has `n_positions` tokens
_POSTS_AT_ONCE, _POSTS_FOR_WORDS = 2000, 8000
_TYPES = {"per": "person", "org": "organization", "loc": "location", "misc": "miscellaneous"}
_log = logging.getLogger(__name__)


def write_texts(post: DrawnPost, rng: random.Random) -> list[str]:
    """Write what is learned from a post: its sentence, what its photo shows, and of which types its two names are.

    How the two are related stands in none of it, but for what the sentence itself says.
    """
    row, sentence = post.row, sentence_of(post)
    names = [str(row[key]["name"]) for key in "ht"]  # type: ignore[index]
    types = [_TYPES[name] for name in post.case.pair.split("/")]
    name, kind = rng.choice(list(zip(names, types, strict=True)))
    statement = rng.choice(
        (
            f"Consider {', '.join(names)}, predict relation. {sentence} {' '.join((*names, *types))} relation",
            f"{sentence} {' '.join((*names, *types))}",
            f"{name} {kind}",
        )
    )
    return [sentence, describe(post.scene), statement]


def sentence_of(post: DrawnPost) -> str:
    """Return what a post says."""
    return " ".join(post.row["token"])  # type: ignore[arg-type]


def draw_texts(seed: int) -> Iterator[str]:
    """Draw texts without end, in random order."""
    while True:
        rng = random.Random(f"texts of world {seed}")
        posts = draw_posts({"train": _POSTS_AT_ONCE}, seed)["train"]
        texts = [text for post in posts for text in write_texts(post, rng)]
        rng.shuffle(texts)
        yield from texts
        seed += 1


def train_language_model(out: Path, steps: int = _STEPS) -> None:
    """Train a language model and write it as transformers does, in float16.

    Args:
        out: Folder, of which files of the same names are replaced.
        steps: Of training; every text is read once.
    """
    # Word pieces of the first posts; all that train it and those of the demo spell their names with these.
    some = islice(draw_texts(TEXT_SEED), 3 * _POSTS_FOR_WORDS)
    tokenizer = train_tokenizer(some, _VOCABULARY)
    end: Any = tokenizer.eos_token_id
    config = GPT2Config(vocab_size=len(tokenizer), bos_token_id=end, eos_token_id=end, **_SIZES)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = GPT2LMHeadModel(config)

    # In evaluation mode, without dropout: of texts that are read once, nothing can be learned by heart.
    model.eval()
    losses = (model(input_ids=ids, labels=ids).loss for ids in batches_of(draw_texts(TEXT_SEED), tokenizer))
    for step, mean in descend(model, losses, steps, _RATE, every=100, betas=(0.9, 0.95)):
        _log.info("step %d of %d: %.3f bits a token", step, steps, mean / math.log(2))

    out.mkdir(parents=True, exist_ok=True)
    model.half().save_pretrained(out)
    tokenizer.save_pretrained(out)


def batches_of(texts: Iterable[str], tokenizer: PreTrainedTokenizerBase) -> Iterator[Tensor]:
    """Lay texts one after another, an end after each, as GPT-2 was trained: (B, T) token ids."""
    size = _ROWS * _SIZES["n_positions"]
    waiting: list[int] = []
    for text in texts:
        waiting += [*tokenizer(text)["input_ids"], tokenizer.eos_token_id]
        while len(waiting) >= size:
            yield torch.tensor(waiting[:size]).view(_ROWS, -1)
            del waiting[:size]


@torch.inference_mode()
def bits_per_token(model: GPT2LMHeadModel, tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> float:
    """Measure how many bits a token of these texts is worth to a model, each read by itself after an end of text."""
    total, count = 0.0, 0
    for text in texts:
        ids = torch.tensor([[tokenizer.eos_token_id, *tokenizer(text)["input_ids"], tokenizer.eos_token_id]])
        total += float(model(input_ids=ids, labels=ids).loss) * (ids.shape[1] - 1)
        count += ids.shape[1] - 1
    return total / count / math.log(2)


def unigram_bits(tokenizer: PreTrainedTokenizerBase, known: Sequence[str], texts: Sequence[str]) -> float:
    """Measure the same for a model that knows how frequent tokens are in other texts, and nothing else."""

    def tokens(some: Sequence[str]) -> list[int]:
        return [token for text in some for token in (*tokenizer(text)["input_ids"], tokenizer.eos_token_id)]

    counts, asked = Counter(tokens(known)), tokens(texts)
    whole = counts.total() + len(tokenizer)  # one more of each, so that none has a probability of zero
    return -sum(math.log2((counts[token] + 1) / whole) for token in asked) / len(asked)


if __name__ == "__main__":
    rebuild("language model", train_language_model)
