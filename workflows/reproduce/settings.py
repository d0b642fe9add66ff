"""What `dgf reproduce` can be asked; light, so that the command line can read it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from typing_extensions import Doc

from dgf.workflows.settings import (
    CaptionPaths,
    Device,
    FeaturePath,
    Graphs,
    Negative,
    Placeholder,
    Positional,
    PostLayout,
    RunWorkers,
    Scheduler,
    TrainBadRows,
    TrainMissing,
    TrainSpans,
    Types,
)


@dataclass(frozen=True, slots=True)
class ReproduceOptions:
    """What `dgf reproduce` can be asked; None leaves the choice to the configuration."""

    what: Annotated[str, Positional("list|show|validate|EXPERIMENT")]
    words: Annotated[tuple[str, ...], Positional("[EXPERIMENT] [[ROW:]KEY=VALUE]...", many=True)] = ()
    data: Annotated[Path | None, Doc("The data set.")] = None
    features: FeaturePath = None
    captions: CaptionPaths = ()
    types: Types = None
    graphs: Graphs = None
    seeds: Annotated[str, Placeholder("0,1,2"), Doc("Seeds that every row is run with.")] = "0,1,2"
    rows: Annotated[
        str | None, Placeholder("NAME,NAME"), Doc("Run these rows; the tables have what is there of the others too.")
    ] = None
    preset: Annotated[
        str, Doc("Values to start from: paper, finetune, demo; a model that has no such preset takes paper.")
    ] = "paper"
    out: Annotated[
        Path | None, Doc("Folder of runs, tables and plots; experiments with the same folder share their runs.")
    ] = None
    dry_run: Annotated[bool, Doc("Print what would be run and what is done, and stop.")] = False
    tables: Annotated[bool, Doc("Make tables and plots again from what the last run wrote to OUT, and stop.")] = False
    missing_images: TrainMissing = None
    on_error: TrainBadRows = None
    span_unit: TrainSpans = None
    layout: PostLayout = None
    negative_label: Negative = None
    workers: RunWorkers = 0
    scheduler: Scheduler = None
    device: Device = "auto"
