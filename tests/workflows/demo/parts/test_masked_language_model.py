"""The demo's BERT is read as any published one, and knows the language of posts that it has not seen."""

from itertools import islice
from pathlib import Path

import pytest
import torch
from transformers import AutoTokenizer, BertForMaskedLM, PreTrainedTokenizerBase

from dgf.model.language_models import load_language_model
from dgf.workflows.demo.parts.language_model import HELD_OUT_TEXT_SEED, TEXT_SEED, draw_texts, sentence_of
from dgf.workflows.demo.parts.masked_language_model import (
    MASKED_LANGUAGE_MODEL,
    masked_batches,
    share_told,
    train_masked_language_model,
)
from dgf.workflows.demo.world import draw_posts


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerBase:
    return AutoTokenizer.from_pretrained(MASKED_LANGUAGE_MODEL)


def held_out_sentences(count: int = 150) -> list[str]:
    return [sentence_of(post) for post in draw_posts({"test": count}, HELD_OUT_TEXT_SEED)["test"]]


def test_it_loads_as_published_models_do() -> None:
    loaded = load_language_model(str(MASKED_LANGUAGE_MODEL))
    assert (loaded.kind, loaded.width) == ("bert", 128)
    assert len(loaded.words(" person")) == 1
    assert loaded.model.dtype == torch.float32


def test_it_spells_names_that_it_has_not_seen(tokenizer: PreTrainedTokenizerBase) -> None:
    for sentence in held_out_sentences():
        ids = tokenizer(sentence)["input_ids"]
        assert tokenizer.unk_token_id not in ids
        assert ids[0] == ids[-1] == tokenizer.eos_token_id and tokenizer.decode(ids[1:-1]) == sentence


def test_it_tells_far_more_of_what_is_hidden_than_chance(tokenizer: PreTrainedTokenizerBase) -> None:
    model = BertForMaskedLM.from_pretrained(MASKED_LANGUAGE_MODEL, dtype=torch.float32).eval()
    asked = held_out_sentences()
    told = share_told(model, tokenizer, asked)
    torch.nn.init.zeros_(model.cls.predictions.transform.LayerNorm.weight)  # it sees no sentence any more
    torch.nn.init.zeros_(model.cls.predictions.transform.LayerNorm.bias)
    assert share_told(model, tokenizer, asked) < 0.15 and told > 0.4


def test_pieces_are_hidden_as_for_bert(tokenizer: PreTrainedTokenizerBase) -> None:
    hidden = shown = wrong = pieces = 0
    for batch in islice(masked_batches(draw_texts(TEXT_SEED), tokenizer, torch.Generator().manual_seed(0)), 20):
        ids, labels, mask = batch["input_ids"], batch["labels"], batch["attention_mask"].bool()
        asked = labels >= 0
        assert not (asked & ~mask).any(), "padding is never asked for"
        assert not torch.isin(labels[asked], torch.tensor(tokenizer.all_special_ids)).any(), "nor are special tokens"
        hidden += int((ids == tokenizer.mask_token_id).sum())
        shown += int((asked & (ids == labels)).sum())
        wrong += int((asked & (ids != labels) & (ids != tokenizer.mask_token_id)).sum())
        pieces += int(mask.sum()) - 2 * len(ids)
    asked_for = hidden + shown + wrong
    assert asked_for / pieces == pytest.approx(0.3, abs=0.02)
    assert [hidden / asked_for, shown / asked_for, wrong / asked_for] == pytest.approx([0.8, 0.1, 0.1], abs=0.02)


@pytest.mark.slow
def test_training_writes_a_folder_that_loads(tmp_path: Path) -> None:
    train_masked_language_model(tmp_path, steps=2)
    loaded = load_language_model(str(tmp_path))
    ours = load_language_model(str(MASKED_LANGUAGE_MODEL))
    assert loaded.tokenizer.get_vocab() == ours.tokenizer.get_vocab()
    assert all(
        torch.isfinite(weight).all() and weight.shape == other.shape
        for weight, other in zip(loaded.model.parameters(), ours.model.parameters(), strict=True)
    )
