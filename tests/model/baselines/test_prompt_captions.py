"""Prompting with captions: each stands before its own sentence and no other, and a row without one is as ever."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor
from transformers import AutoModelForCausalLM

from dgf.model.baselines.configs import PromptConfig
from dgf.model.baselines.prompt import Prompt
from dgf.model.batch import Batch
from dgf.model.checkpoint import load_model, save_model
from dgf.model.counterfactuals import measure_effects
from dgf.model.errors import ModelError
from dgf.model.language_models import load_language_model
from support.asked_posts import CAPTIONS, LABELS, encode, one_by_one
from support.batches import select_rows
from support.causal_models import causal_model

TOLD = torch.tensor([bool(caption) for caption in CAPTIONS])
Asked = Callable[..., Prompt]


@torch.no_grad()
def scores(model: Prompt, batch: Batch) -> Tensor:
    return model(batch).log_probs


def shown(model: Prompt) -> str:
    return str(model.language_model.tokenizer.decode(model.demonstrations[model.demonstrations >= 0].tolist()))


def test_a_caption_stands_before_the_sentence_in_demonstrations_too(asked: Asked) -> None:
    model = asked(captions_of_rows=CAPTIONS, captions=True, demonstrations=6)
    spell = model.language_model.tokenizer.decode
    first, second, *_ = model.wording.read(encode(model, captions=CAPTIONS))
    sentence = "Sentence:\nAda met Bram in Rome\nThe relation between Ada and Bram is"
    assert spell(model.wording.ask(first)) == f"Photo:\ntwo people in a room\n{sentence}"
    assert spell(model.wording.ask(first, with_post=False)) == "The relation between Ada and Bram is"
    assert spell(model.wording.ask(second)).startswith("Sentence:\nRT @x : Bram joined")
    assert shown(model).count("Photo:\n") == 4 and shown(model).count("Sentence:\n") == 6
    assert f"Photo:\ntwo people in a room\n{sentence} that Ada and Bram are not related.\n\n" in shown(model)
    assert "Photo:" not in shown(asked(captions_of_rows=CAPTIONS, demonstrations=6))


def test_a_row_without_a_caption_is_asked_as_without_the_key_to_the_bit(asked: Asked) -> None:
    for keys in ({"calibrate": "context", "normalize": True}, {"demonstrations": 2}):
        without, model = asked(**keys), asked(captions=True, **keys)  # type: ignore[arg-type]
        silent, told = encode(model), encode(model, captions=CAPTIONS)
        found = scores(model, told)
        assert torch.equal(scores(without, told), scores(without, silent)), "captions that are given are not read"
        assert torch.equal(scores(model, silent), scores(without, silent))
        assert torch.equal(found[~TOLD], scores(without, silent)[~TOLD])
        assert bool(((found - scores(without, silent)).abs().amax(1) > 1e-2)[TOLD].all())


@pytest.mark.parametrize("calibrate", ["context", "rows"])
@torch.no_grad()
def test_scores_are_those_of_transformers_answer_by_answer(
    calibrate: str, asked: Asked, folders: Callable[[str], Path]
) -> None:
    model = asked(captions_of_rows=CAPTIONS, captions=True, calibrate=calibrate, demonstrations=2)
    whole = AutoModelForCausalLM.from_pretrained(folders("gpt2")).eval()
    batch = encode(model, captions=CAPTIONS)
    expected = one_by_one(model, whole, batch)
    if calibrate == "rows":  # captions of the rows that demonstrate stand before, and those of all are in the mean
        expected = expected - expected.mean(0)
    torch.testing.assert_close(scores(model, batch), expected.log_softmax(-1), rtol=0, atol=1e-4)


def test_padding_other_rows_and_their_captions_change_no_bit(asked: Asked) -> None:
    model = asked(captions=True, calibrate="none")
    batch = encode(model, captions=CAPTIONS)
    found = scores(model, batch)
    assert batch.caption_tokens is not None and batch.caption_token_mask is not None
    filled = batch.having(caption_tokens=torch.where(batch.caption_token_mask, batch.caption_tokens, 77))
    assert torch.equal(scores(model, filled), found)
    others = ("a dog", *CAPTIONS[1:])
    assert torch.equal(scores(model, encode(model, captions=others))[1:], found[1:])
    for row in range(len(batch)):
        one = select_rows(batch, torch.tensor([row]))
        assert one.caption_token_mask is not None and one.caption_tokens is not None
        length = max(1, int(one.caption_token_mask.sum()))
        short = {name: getattr(one, name)[:, :length] for name in ("caption_tokens", "caption_token_mask")}
        assert torch.equal(scores(model, one.having(**short)), found[row : row + 1])


def test_what_a_caption_did_is_the_row_asked_without_it(asked: Asked) -> None:
    model = asked(captions=True)
    batch = encode(model, captions=CAPTIONS)
    found, without = scores(model, batch), scores(model, encode(model))
    effects = measure_effects(model, batch, found, at_once=4)
    expected = (found - without).gather(1, found.argmax(1, keepdim=True))[:, 0]
    assert torch.equal(effects.caption, expected)
    assert torch.equal(effects.caption != 0, TOLD)
    assert not effects.photo.any() and not effects.objects.numel()
    first = torch.arange(len(batch)) == 0
    masked = scores(model, batch.having(caption_mask=TOLD & ~first))
    assert torch.equal(masked, torch.where(first[:, None], without, found)), "of one row among others"


def test_no_label_is_read_where_captions_are(asked: Asked) -> None:
    model = asked(captions_of_rows=CAPTIONS, captions=True)
    batch = encode(model, captions=CAPTIONS)
    assert batch.relations is not None
    found = scores(model, batch)
    assert torch.equal(scores(model, batch.having(relations=batch.relations.flip(0), type_targets=None)), found)
    assert torch.equal(scores(model, batch.having(relations=None, type_targets=None)), found)


def test_one_sentence_under_two_photos_is_two_rows_while_something_learns(asked: Asked) -> None:
    model = asked(captions=True, fit="bias").train()
    first, second = (encode(model, captions=captions) for captions in (CAPTIONS, CAPTIONS[::-1]))
    found = scores(model, first)
    assert not torch.equal(scores(model, second)[0], found[0])
    assert torch.equal(scores(model, first), found)


def test_special_tokens_of_a_caption_are_left_out(asked: Asked) -> None:
    model = asked(captions=True)
    end = model.language_model.tokenizer.eos_token
    silent, marked = ([caption] * 6 for caption in (end, f"{end}a dog{end}"))
    assert torch.equal(scores(model, encode(model, captions=silent)), scores(model, encode(model)))
    rows = model.wording.read(encode(model, captions=marked))
    assert rows == model.wording.read(encode(model, captions=["a dog"] * 6)) and rows[0].caption


def test_a_saved_model_asks_with_captions(asked: Asked, tmp_path: Path) -> None:
    model = asked(captions_of_rows=CAPTIONS, captions=True, demonstrations=3)
    batch = encode(model, captions=CAPTIONS)
    save_model(model, tmp_path)
    loaded = load_model(tmp_path)
    assert isinstance(loaded, Prompt) and loaded.config == model.config and loaded.config.reads.captions
    assert torch.equal(scores(loaded, batch), scores(model, batch))


def test_what_reads_too_far_is_told_that_captions_may_be_shorter(tmp_path: Path) -> None:
    short = load_language_model(str(causal_model(tmp_path / "short", n_positions=32)))
    model = Prompt(PromptConfig(captions=True), LABELS, short).eval()
    with pytest.raises(ModelError, match=r"lower model\.demonstrations, data\.max_caption or data\.max_length"):
        scores(model, encode(model, captions=CAPTIONS))
