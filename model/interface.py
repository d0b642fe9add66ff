"""What every model is to training, evaluation and reports, whatever it computes inside."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self, runtime_checkable

import torch
from torch import Tensor, nn

from dgf.model.batch import Batch
from dgf.model.config import RelationConfig
from dgf.model.labels import LabelSpace
from dgf.model.language_models import LanguageModel


@dataclass(frozen=True, slots=True)
class Attributions:
    """Where a model itself looked in a row's photo; None where the batch, or the model, had nothing of the kind.

    A weight says where it looked, not what that did: `dgf.model.counterfactuals` says the latter of any model.

    Args:
        relevance: (B, 2, K) how much of each object it took for the head and the tail, zeros without a photo.
        mention_weights: (B, 2, K) weight of each object at the words of head and tail, zeros without a photo.
    """

    relevance: Tensor | None = None
    mention_weights: Tensor | None = None


class Output(Protocol):
    """What a model says of B rows."""

    @property
    def log_probs(self) -> Tensor:
        """(B, R) log-probabilities of the relations."""

    @property
    def type_log_probs(self) -> Tensor | None:
        """(B, 2, T) log-probabilities of head and tail type; None where they are not predicted."""

    @property
    def attributions(self) -> Attributions:
        """What reports show beside the prediction."""


class RelationModel(Protocol):
    """A `torch.nn.Module` that scores relations; `dgf.model.checkpoint` builds, saves and loads it."""

    labels: LabelSpace
    language_model: LanguageModel
    object_dim: int
    block_shape: tuple[int, int] | None

    @property
    def config(self) -> RelationConfig:
        """Its keys, and what it reads."""

    def __call__(self, batch: Batch) -> Output:
        """Score every relation for every row; relations, type targets and sentences of the batch are not read."""

    def loss(self, output: Any, batch: Batch) -> Mapping[str, Tensor]:
        """Return `total`, which is to be minimized, and what it is made of: scalars; the batch has relations."""

    def parameter_groups(self) -> tuple[list[nn.Parameter], list[nn.Parameter], list[nn.Parameter]]:
        """Return the trainable parameters: of the language model, of the new layers, temperatures of softmaxes."""

    # what every torch.nn.Module has
    def train(self, mode: bool = ...) -> Self: ...  # noqa: D102
    def eval(self) -> Self: ...  # noqa: D102
    def to(self, device: torch.device) -> Self: ...  # noqa: D102
    def named_modules(self) -> Iterator[tuple[str, nn.Module]]: ...  # noqa: D102
    def named_parameters(self) -> Iterator[tuple[str, nn.Parameter]]: ...  # noqa: D102
    def state_dict(self) -> dict[str, Any]: ...  # noqa: D102
    def load_state_dict(self, state_dict: Mapping[str, Any]) -> Any: ...  # noqa: D102


@runtime_checkable
class TakesTrainingRows(Protocol):
    """A relation model that takes something from the training rows before the first step; most take nothing."""

    def prepare(self, relations: Tensor, batch_of: Callable[[Sequence[int]], Batch]) -> None:
        """Take it; called on a new model alone, also of a run that goes on, and never on a saved one.

        What it takes must depend on the rows and the configuration alone, and be saved with the model.

        Args:
            relations: (n,) the relation of each row of the training split.
            batch_of: Makes the batch of rows, by their numbers.
        """


@runtime_checkable
class EncodesCaptions(Protocol):
    """A model that reads captions pooled; one that reads them as words is handed tokens and need not be this."""

    language_model: LanguageModel

    @property
    def captions_change(self) -> bool:
        """Whether training changes how captions are read, so that batches must bring them as tokens."""

    def encode_captions(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Encode captions, (B, C) int64 and (B, C) bool -> (B, N), for `Batch.captions`; no gradient, no dropout."""
