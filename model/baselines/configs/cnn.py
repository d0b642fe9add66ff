"""The keys of GloVe+CNN and PCNN, as OpenNRE has them: word vectors, distances and one convolution."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from dgf.model.config import Number, Reads, Whole

CNN_PRESETS: Mapping[str, Mapping[str, Any]] = {
    "paper": {
        "language_model": "words",
        "data": {"max_length": 1024},
        "optim": {
            "epochs": 100,
            "batch_size": 160,
            "optimizer": "sgd",
            "learning_rate": 0.1,
            "lm_learning_rate": 0.1,
            "weight_decay": 1e-5,
            "decay": "all",
            "warmup_steps": 300,
            "clip_norm": None,
        },
    },
    "demo": {
        "language_model": "words",
        "data": {"max_length": 1024},
        "model": {"places": 48, "filters": 100, "dropout": 0.2},
        "optim": {"epochs": 12, "batch_size": 16, "learning_rate": 2e-3, "lm_learning_rate": 5e-3},
    },
}
"""Of both. `paper` is the public script, which reads GloVe's 6B words in 50 numbers where there are any:
`language_model=words:glove.6B.50d.txt`. Sentences come whole, since the network itself cuts them."""

_Count = Annotated[Whole, Field(ge=1, le=4096)]


@dataclass(frozen=True)
class CNNConfig:
    """What is left open, each a key.

    Args:
        name: `cnn`.
        places: Words of a sentence that are read; shorter ones are padded, and padding counts.
        distance_width: Numbers of the vector of a distance to head or tail.
        filters: Of the convolution.
        window: Literal[1, 3, 5, 7, 9] = 3
        dropout: Before the classifier, twice.
        seed: Seed of the new weights.
    """

    name: Literal["cnn"] = "cnn"
    places: _Count = 128
    distance_width: _Count = 5
    filters: _Count = 230
    window: Literal[1, 3, 5, 7, 9] = 3
    dropout: Annotated[Number, Field(ge=0, lt=1)] = 0.5
    seed: Whole = 0
    protocol: ClassVar[None] = None
    reads: ClassVar[Reads] = Reads(word_vectors=True)


@dataclass(frozen=True)
class PCNNConfig:
    """What is left open, each a key; see `CNNConfig`.

    Args:
        name: `pcnn`.
        places: Words of a sentence that are read.
        distance_width: Numbers of the vector of a distance to head or tail.
        filters: Of the convolution, each of which tells its maximum three times.
        window: Literal[1, 3, 5, 7, 9] = 3
        dropout: Before the classifier, twice.
        seed: Seed of the new weights.
    """

    name: Literal["pcnn"] = "pcnn"
    places: _Count = 128
    distance_width: _Count = 5
    filters: _Count = 230
    window: Literal[1, 3, 5, 7, 9] = 3
    dropout: Annotated[Number, Field(ge=0, lt=1)] = 0.5
    seed: Whole = 0
    protocol: ClassVar[None] = None
    reads: ClassVar[Reads] = Reads(word_vectors=True)
