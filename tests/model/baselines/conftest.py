"""Prompted models on small causal language models."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from dgf.model.baselines.configs import PromptConfig
from dgf.model.baselines.prompt import Prompt
from dgf.model.language_models import load_language_model
from support.asked_posts import LABELS, encode
from support.batches import select_rows
from support.causal_models import causal_model


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a language model of a kind."""
    made: dict[str, Path] = {}

    def folder(kind: str) -> Path:
        if kind not in made:
            made[kind] = causal_model(tmp_path_factory.mktemp("models") / kind, kind)
        return made[kind]

    return folder


@pytest.fixture
def asked(folders: Callable[[str], Path]) -> Callable[..., Prompt]:
    """A model, prepared with all rows of the batch."""

    def build(kind: str = "gpt2", captions_of_rows: Sequence[str] = (), **keys: Any) -> Prompt:
        model = Prompt(PromptConfig(**keys), LABELS, load_language_model(str(folders(kind))))
        whole = encode(model, captions=captions_of_rows)
        assert whole.relations is not None
        model.prepare(whole.relations, lambda rows: select_rows(whole, torch.tensor(rows)))
        return model.eval()

    return build
