"""Tiny models of the real architectures, and batches with everything ragged."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from dgf.model.batch import Batch
from dgf.model.dgf_pt.config import ModelConfig
from dgf.model.dgf_pt.network import DGF
from dgf.model.labels import LabelSpace
from dgf.model.language_models import PATTERN, LanguageModel, load_language_model

VOCAB = 60
WIDTH = 32
OBJECT_DIM = 10
BLOCK_SHAPE = (4, 6)
SPECS = {
    "gpt2": f"random:gpt2?n_layer=3&n_embd={WIDTH}&n_head=4&vocab_size={VOCAB}&bos_token_id=0&eos_token_id=0",
    "openai-gpt": f"random:openai-gpt?n_layer=3&n_embd={WIDTH}&n_head=4&vocab_size={VOCAB}",
    "llama": f"random:llama?num_hidden_layers=3&hidden_size={WIDTH}&num_attention_heads=4&num_key_value_heads=2"
    f"&intermediate_size=48&vocab_size={VOCAB}",
    "bert": f"random:bert-base-uncased?num_hidden_layers=3&hidden_size={WIDTH}&num_attention_heads=4"
    f"&intermediate_size=48&vocab_size={VOCAB}",
}
KINDS = tuple(SPECS)
CAUSAL = ("gpt2", "openai-gpt", "llama")
RELATIONS = ("None", "/per/org/member_of", "/per/per/peer", "/loc/loc/contain", "/per/per/couple")


@pytest.fixture(scope="session")
def labels() -> LabelSpace:
    return LabelSpace.from_relations(RELATIONS)


@pytest.fixture
def tiny() -> Callable[[str], LanguageModel]:
    """A fresh tiny language model of a kind; the same weights every time."""
    return lambda kind="gpt2": load_language_model(SPECS[kind], seed=1)


@pytest.fixture
def network(tiny: Callable[[str], LanguageModel], labels: LabelSpace) -> Callable[..., DGF]:
    """A network in evaluation mode; keys by name, `kind`, `visual=False` for text alone."""

    def build(kind: str = "gpt2", *, visual: bool = True, space: LabelSpace = labels, **keys: Any) -> DGF:
        shape = keys.pop("block_shape", BLOCK_SHAPE)
        config = ModelConfig(**{"prefix_hidden": 8, **keys})
        made = DGF(config, space, tiny(kind), OBJECT_DIM if visual else 0, shape if visual else None)
        return made.eval()

    return build


@pytest.fixture
def full_batch(labels: LabelSpace) -> Batch:
    """Seven ragged rows: with and without objects, image and caption, in every mixture that matters."""
    return make_batch(labels)


def make_batch(labels: LabelSpace, seed: int = 0) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.tensor([9, 6, 11, 8, 7, 10, 5])
    counts = torch.tensor([3, 1, 0, 2, 0, 3, 0])
    rows, longest, most = len(lengths), int(lengths.max()), 3
    relations = torch.tensor([0, 1, 2, 3, 4, 0, 1])
    return Batch(
        tokens=torch.randint(0, VOCAB, (rows, longest), generator=generator),
        token_mask=torch.arange(longest) < lengths[:, None],
        spans=torch.tensor(
            [[[0, 2], [3, 4]], [[4, 6], [0, 1]], [[1, 4], [2, 3]], [[5, 8], [0, 5]]] + [[[0, 1], [2, 5]]] * 3
        ),
        objects=torch.randn(rows, most, OBJECT_DIM, generator=generator),
        object_mask=torch.arange(most) < counts[:, None],
        blocks=torch.randn(rows, *BLOCK_SHAPE, generator=generator),
        image_mask=torch.tensor([True, True, True, False, False, True, False]),
        captions=torch.randn(rows, WIDTH, generator=generator),
        caption_mask=torch.tensor([True, False, True, False, False, True, False]),
        relations=relations,
        type_targets=labels.type_targets(relations),
        sentences=torch.tensor([0, 0, 1, 2, 3, 4, 5]),
    )


@pytest.fixture
def text_batch(full_batch: Batch) -> Batch:
    """The same rows without any photo."""
    return replace(
        full_batch, objects=None, object_mask=None, blocks=None, image_mask=None, captions=None, caption_mask=None
    )


@pytest.fixture(scope="session")
def word_tokenizer() -> Any:
    """A tokenizer that knows the words of the prefixes' patterns."""
    words = ["[UNK]", "[MASK]", "Consider", ",", "predict", "relation", ".", "person", "organization", "location"]
    vocabulary = {word: index for index, word in enumerate(words)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="[UNK]", mask_token="[MASK]")


@pytest.fixture
def worded(tiny: Callable[[str], LanguageModel], word_tokenizer: Any) -> Callable[[str], LanguageModel]:
    """A tiny language model with that tokenizer."""

    def build(kind: str = "gpt2") -> LanguageModel:
        made = tiny(kind)
        made.tokenizer = word_tokenizer
        made.pattern = {key: tuple(made.words(text)) for key, text in PATTERN.items()}
        return made

    return build
