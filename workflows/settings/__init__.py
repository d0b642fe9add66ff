"""What each command can be asked: one dataclass a command, whose fields are its options; a file a part of the job.

Each option is declared here alone: its name, type and default are the field's, its help is the `Doc` beside the
type (`dgf.cli.options` makes click options of them). Nothing heavy is imported, so that `--help` answers at once.
"""

from dgf.workflows.settings.bench import (
    BenchCaptionSettings,
    BenchExtractSettings,
    BenchPredictSettings,
    BenchReadSettings,
    BenchServeSettings,
    BenchTrainSettings,
)
from dgf.workflows.settings.demo import DemoSettings
from dgf.workflows.settings.evaluation import EvalOptions
from dgf.workflows.settings.options import (
    BadRows,
    CaptionPaths,
    ConfigFile,
    Device,
    Explain,
    FeaturePath,
    Graphs,
    LocalCaptionPaths,
    MissingImages,
    Negative,
    Overwrite,
    Placeholder,
    Positional,
    PostLayout,
    Preset,
    RowsAtOnce,
    RunWorkers,
    Scheduler,
    SpansIn,
    Spelled,
    Threads,
    TrainBadRows,
    TrainMissing,
    TrainSpans,
    Types,
    Workers,
)
from dgf.workflows.settings.shards import CaptionSettings, ExportSettings, ExtractSettings, InspectSettings
from dgf.workflows.settings.training import TrainOptions, TuneOptions

__all__ = [
    "BadRows",
    "BenchCaptionSettings",
    "BenchExtractSettings",
    "BenchPredictSettings",
    "BenchReadSettings",
    "BenchServeSettings",
    "BenchTrainSettings",
    "CaptionPaths",
    "CaptionSettings",
    "ConfigFile",
    "DemoSettings",
    "Device",
    "EvalOptions",
    "Explain",
    "ExportSettings",
    "ExtractSettings",
    "FeaturePath",
    "Graphs",
    "InspectSettings",
    "LocalCaptionPaths",
    "MissingImages",
    "Negative",
    "Overwrite",
    "Placeholder",
    "Positional",
    "PostLayout",
    "Preset",
    "RowsAtOnce",
    "RunWorkers",
    "Scheduler",
    "SpansIn",
    "Spelled",
    "Threads",
    "TrainBadRows",
    "TrainMissing",
    "TrainOptions",
    "TrainSpans",
    "TuneOptions",
    "Types",
    "Workers",
]
