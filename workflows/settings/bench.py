"""What each `dgf bench` can be asked."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from annotated_types import Ge
from typing_extensions import Doc

from dgf.workflows.settings.options import Device, Positional, RowsAtOnce, Spelled


@dataclass(frozen=True, slots=True)
class BenchReadSettings:
    """What `dgf bench read` can be asked."""

    features: Annotated[Path | None, Doc("Feature shards.  [default: noise, made and removed]")] = None
    rows: Annotated[int, Ge(100), Doc("Photos of the noise.")] = 4000
    batch: Annotated[int, Ge(1), Doc("Rows of a batch.")] = 100
    shards: Annotated[int, Ge(1), Doc("Shards of the noise.")] = 20


@dataclass(frozen=True, slots=True)
class BenchExtractSettings:
    """What `dgf bench extract` can be asked."""

    photos: Annotated[int, Ge(1), Doc("Synthetic JPEGs of 800x600.")] = 32
    rounds: Annotated[int, Ge(1), Doc("Of each side.")] = 2
    detector: Annotated[str | None, Doc("As for `dgf extract-features`.")] = None
    min_size: Annotated[int | None, Ge(32), Doc("Shorter edge of its input.")] = None
    max_size: Annotated[int | None, Ge(32), Doc("Limit of the longer edge.")] = None
    batch_size: Annotated[int | None, Ge(1), Doc("Most photos in a batch.")] = None
    shard_size: Annotated[int, Ge(1), Doc("Most photos in a shard.")] = 16
    threads: Annotated[int | None, Ge(1), Doc("CPU threads of the networks.")] = None
    one_by_one: Annotated[int, Ge(0), Doc("Photos of the plain loop.")] = 8
    device: Device = "auto"


@dataclass(frozen=True, slots=True)
class BenchCaptionSettings:
    """What `dgf bench caption` can be asked."""

    photos: Annotated[int, Ge(1), Doc("In the batch.")] = 2
    beams: Annotated[int, Ge(1), Doc("1 is greedy.")] = 5
    device: Device = "auto"


@dataclass(frozen=True, slots=True)
class BenchTrainSettings:
    """What `dgf bench train` can be asked."""

    language_model: Annotated[str, Doc("As for `dgf train`.")] = "random:gpt2"
    preset: Annotated[str, Doc("As for `dgf train`.")] = "paper"
    batch: Annotated[int, Ge(1), Doc("Rows of a batch.")] = 16
    steps: Annotated[int, Ge(1), Doc("Steps of each side.")] = 5
    device: Device = "auto"


@dataclass(frozen=True, slots=True)
class BenchServeSettings:
    """What `dgf bench serve` can be asked."""

    run: Annotated[Path, Positional("RUN")]
    clients: Annotated[int, Ge(1), Doc("That ask at once.")] = 200
    seconds: Annotated[int, Ge(1), Doc("How long they ask.")] = 120
    photos: Annotated[tuple[Path, ...], Spelled("--photo"), Doc("That they send along, in turn; again for each.")] = ()
    device: Device = "auto"


@dataclass(frozen=True, slots=True)
class BenchPredictSettings:
    """What `dgf bench predict` can be asked."""

    run: Annotated[Path, Positional("RUN")]
    posts: Annotated[Path | None, Positional("[POSTS]")] = None
    rows: Annotated[int, Ge(1), Doc("Posts that are made up where no POSTS are given.")] = 2048
    batch_size: RowsAtOnce = 64
    rounds: Annotated[int, Ge(1), Doc("Of each side.")] = 5
    device: Device = "auto"
