"""The keys of prompting: a causal language model that is asked, and not trained, for the relation."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from dgf.model.config import Flag, Reads, Whole

PROMPT_PRESETS: Mapping[str, Mapping[str, Any]] = {
    "paper": {
        "language_model": "HuggingFaceTB/SmolLM2-135M",
        "optim": {"epochs": 3, "batch_size": 16, "learning_rate": 0.05, "temperature_rate": 0.05, "weight_decay": 0.0},
    },
    "demo": {
        "language_model": "random:gpt2?n_layer=2&n_embd=128&n_head=4",
        "model": {"demonstrations": 2, "fit": "bias"},
        "optim": {"epochs": 3, "batch_size": 16, "learning_rate": 0.05, "temperature_rate": 0.05, "weight_decay": 0.0},
    },
}
"""No script was published for these tables: `paper` is a small language model of today, asked without an example."""


@dataclass(frozen=True)
class PromptConfig:
    """What is asked, and how the answers are weighed.

    Args:
        name: `prompt`.
        demonstrations: Rows of the training split that stand before the question with their answers, one of each
            relation in turn, drawn by the seed; the same for every row.
        normalize: Whether the log-likelihood of a description is divided by its number of tokens.
        calibrate: What is taken off the score of a description, which depends on its words more than on the row: with
            `rows` its mean over a few rows of the training split, whose relations are not read (Zhou et al., 2024);
            with `context` the row's own without sentence and caption, with the same demonstrations and names
            (Holtzman et al., 2021); with `none` nothing.
        fit: What is learned: nothing (`none`), or on top of frozen likelihoods one number a relation and a temperature
            (`bias`).
        verbalizer: How a relation is described, by its name: the words after "The relation between HEAD and TAIL is",
            in which `{head}` and `{tail}` stand for the mentions. Others are described by the model's own table, or by
            the last part of their name.
        captions: Whether the photo's caption stands before the sentence, in demonstrations too. A row without one is
            asked as it is without this key.
        seed: Draws the demonstrations.
    """

    name: Literal["prompt"] = "prompt"
    demonstrations: Annotated[Whole, Field(ge=0, le=256)] = 0
    normalize: Flag = False
    calibrate: Literal["none", "context", "rows"] = "rows"
    fit: Literal["none", "bias"] = "none"
    verbalizer: dict[str, Annotated[str, Field(min_length=1)]] = field(default_factory=dict)
    captions: Flag = False
    seed: Whole = 0
    protocol: ClassVar[None] = None

    @property
    def reads(self) -> Reads:
        """Words alone, those of the photo's caption where it is asked for."""
        return Reads(captions=self.captions)
