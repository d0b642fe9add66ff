"""What `dgf eval` can be asked."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from annotated_types import Interval
from typing_extensions import Doc

from dgf.pipeline.storage.address import Address
from dgf.workflows.settings.options import (
    CaptionPaths,
    Device,
    Explain,
    Graphs,
    Placeholder,
    Positional,
    PostLayout,
    RowsAtOnce,
    Spelled,
    Types,
)


@dataclass(frozen=True, slots=True)
class EvalOptions:
    """What `dgf eval` can be asked; None takes what the run was trained on."""

    runs: Annotated[tuple[Path, ...], Positional("RUN...", many=True)]
    against: Annotated[tuple[Path, ...], Placeholder("RUN"), Doc("Compare with these runs; once for each.")] = ()
    split: Annotated[str, Doc("Which rows.")] = "test"
    out: Annotated[
        Path | None, Doc("Folder of the report; of several runs also of comparison.json.  [default: RUN/eval-SPLIT]")
    ] = None
    path: Annotated[Path | Address | None, Spelled("--data"), Doc("Another data set than the run's.")] = None
    features: Annotated[Path | Address | None, Doc("Its feature shards.")] = None
    captions: CaptionPaths = ()
    types: Types = None
    graphs: Graphs = None
    image_share: Annotated[
        float | None, Interval(ge=0, le=1), Doc("Share of the photos that is shown, drawn by the seed.  [default: 1.0]")
    ] = None
    photo_shares: Annotated[
        str | None, Placeholder("0,0.2,...,1"), Doc("Also measure micro F1 with each of these shares of the photos.")
    ] = None
    missing_images: Annotated[Literal["error", "skip", "text-only"] | None, Doc("As for `dgf train`.")] = None
    on_error: Annotated[Literal["stop", "skip"] | None, Doc("As for `dgf train`.")] = None
    span_unit: Annotated[Literal["characters", "utf16"] | None, Doc("As for `dgf train`.")] = None
    layout: PostLayout = None
    explain: Explain = False
    batch_size: RowsAtOnce = 64
    device: Device = "auto"
