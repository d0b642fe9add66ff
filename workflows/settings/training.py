"""What `dgf train` and `dgf tune` can be asked."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from annotated_types import Ge
from typing_extensions import Doc

from dgf.pipeline.storage.address import Address
from dgf.workflows.settings.options import (
    CaptionPaths,
    ConfigFile,
    Device,
    FeaturePath,
    Graphs,
    Negative,
    Placeholder,
    Positional,
    PostLayout,
    Preset,
    RunWorkers,
    Scheduler,
    TrainBadRows,
    TrainMissing,
    TrainSpans,
    Types,
)


@dataclass(frozen=True, slots=True)
class TrainOptions:
    """What `dgf train` can be asked; None leaves the choice to the configuration."""

    out: Annotated[Path, Doc("Run folder to make.")]
    words: Annotated[tuple[str, ...], Positional("[DATA] [KEY=VALUE]...", many=True)] = ()
    features: FeaturePath = None
    captions: CaptionPaths = ()
    types: Types = None
    graphs: Graphs = None
    preset: Preset = "paper"
    config_file: ConfigFile = None
    missing_images: TrainMissing = None
    on_error: TrainBadRows = None
    span_unit: TrainSpans = None
    layout: PostLayout = None
    negative_label: Negative = None
    seeds: Annotated[
        str | None, Placeholder("0,1,2"), Doc("Train a run for each of these seeds, in OUT/seed-0 and so on.")
    ] = None
    workers: RunWorkers = 0
    scheduler: Scheduler = None
    device: Device = "auto"
    processes: Annotated[
        int,
        Ge(1),
        Doc("Processes that share each batch, one a GPU where there are any; dropout apart, the losses are the same."),
    ] = 1
    resume: Annotated[bool, Doc("Continue from the last checkpoint, if there is one.")] = False
    tensorboard: Annotated[bool, Doc("Log for TensorBoard too, in the run folder.")] = False
    show_config: Annotated[bool, Doc("Print the resolved configuration and stop.")] = False


@dataclass(frozen=True, slots=True)
class TuneOptions:
    """What `dgf tune` can be asked; None leaves the choice to the configuration."""

    space: Annotated[Path, Positional("SPACE")]
    data: Annotated[Path | Address, Positional("DATA")]
    out: Annotated[Path, Doc("Folder of the trials; the same command again continues.")]
    words: Annotated[tuple[str, ...], Positional("[KEY=VALUE]...", many=True)] = ()
    trials: Annotated[int | None, Ge(1), Doc("Most trials.  [default: every point of the space]")] = None
    search: Annotated[
        Literal["grid", "random"],
        Doc("All points of the space in order, or some that the first seed draws (more trials later keep them)."),
    ] = "grid"
    seeds: Annotated[str, Placeholder("0,1,2"), Doc("Seeds that every trial is run with.")] = "0"
    features: FeaturePath = None
    captions: CaptionPaths = ()
    types: Types = None
    graphs: Graphs = None
    preset: Preset = "paper"
    config_file: ConfigFile = None
    missing_images: TrainMissing = None
    on_error: TrainBadRows = None
    span_unit: TrainSpans = None
    layout: PostLayout = None
    negative_label: Negative = None
    workers: RunWorkers = 0
    scheduler: Scheduler = None
    device: Device = "auto"
