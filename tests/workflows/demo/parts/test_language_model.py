"""The demo's language model is read as any published one, and knows the language of posts that it has not seen."""

import random
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
import torch
from transformers import AutoTokenizer, GPT2LMHeadModel, PreTrainedTokenizerBase

from dgf.model.language_models import load_language_model
from dgf.workflows.demo.parts.language_model import (
    HELD_OUT_TEXT_SEED,
    LANGUAGE_MODEL,
    TEXT_SEED,
    bits_per_token,
    draw_texts,
    sentence_of,
    train_language_model,
    unigram_bits,
    write_texts,
)
from dgf.workflows.demo.world import draw_posts


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerBase:
    return AutoTokenizer.from_pretrained(LANGUAGE_MODEL)


def held_out_sentences(count: int = 150) -> list[str]:
    return [sentence_of(post) for post in draw_posts({"test": count}, HELD_OUT_TEXT_SEED)["test"]]


def test_it_loads_as_published_models_do_and_knows_every_word_of_the_prefixes() -> None:
    loaded = load_language_model(str(LANGUAGE_MODEL))
    assert (loaded.kind, loaded.width) == ("gpt2", 128)
    assert all(len(ids) == text_length for ids, text_length in zip(loaded.pattern.values(), (1, 1, 4), strict=True))
    for word in (" person", " organization", " location", " miscellaneous", " relation"):
        assert len(loaded.words(word)) == 1
    assert loaded.model.dtype == torch.float32


def test_it_spells_names_that_it_has_not_seen(tokenizer: PreTrainedTokenizerBase) -> None:
    for sentence in (*held_out_sentences(), "Zürich, 東京 & Ðorđe Xqzw_9"):
        ids = tokenizer(sentence)["input_ids"]
        assert tokenizer.unk_token_id not in ids and tokenizer.decode(ids) == sentence


def test_held_out_posts_take_it_far_fewer_bits_than_frequencies_alone(tokenizer: PreTrainedTokenizerBase) -> None:
    model = GPT2LMHeadModel.from_pretrained(LANGUAGE_MODEL, dtype=torch.float32).eval()
    asked, known = held_out_sentences(), list(islice(draw_texts(TEXT_SEED), 6000))
    by_frequency = unigram_bits(tokenizer, known, asked)
    assert bits_per_token(model, tokenizer, asked) < 0.65 * by_frequency


def test_the_measure_of_a_model_that_knows_nothing_is_that_of_its_vocabulary(
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    model = GPT2LMHeadModel.from_pretrained(LANGUAGE_MODEL, dtype=torch.float32).eval()
    torch.nn.init.zeros_(model.transformer.wte.weight)  # the head's too: all tokens are equally likely
    even = torch.tensor(float(len(tokenizer))).log2().item()
    asked = held_out_sentences(5)
    assert bits_per_token(model, tokenizer, asked) == pytest.approx(even, abs=1e-3)
    assert unigram_bits(tokenizer, [], asked) == pytest.approx(even, abs=1e-3)


def test_no_text_tells_a_relation_but_by_the_sentence_of_a_post() -> None:
    for index, post in enumerate(draw_posts({"train": 300}, 1)["train"]):
        other = replace(post, case=replace(post.case, relation="/per/per/other", decided_by="photo"))
        texts = [write_texts(each, random.Random(index)) for each in (post, other)]
        assert texts[0] == texts[1] and texts[0][0] == sentence_of(post)


@pytest.mark.slow
def test_training_writes_a_folder_that_loads(tmp_path: Path) -> None:
    train_language_model(tmp_path, steps=2)
    loaded = load_language_model(str(tmp_path))
    ours = load_language_model(str(LANGUAGE_MODEL))
    assert loaded.words("Consider the gala") == ours.words("Consider the gala")
    assert loaded.embeddings.shape == ours.embeddings.shape and not torch.equal(loaded.embeddings, ours.embeddings)
