"""What each command can be asked: one dataclass a command, whose fields are its options.

Each option is declared here alone: its name, type and default are the field's, its help is the `Doc` beside the
type (`dgf.cli.options` makes click options of them). Nothing heavy is imported, so that `--help` answers at once.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from annotated_types import Ge, Interval
from typing_extensions import Doc


@dataclass(frozen=True, slots=True)
class Positional:
    """Marks a field as an argument rather than an option.

    Args:
        metavar: How the usage line calls it.
        many: Whether it takes any number of values.
    """

    metavar: str
    many: bool = False


@dataclass(frozen=True, slots=True)
class Spelled:
    """Names an option otherwise than its field."""

    option: str


@dataclass(frozen=True, slots=True)
class Placeholder:
    """What stands for the value of an option in its help, such as DIR."""

    metavar: str


Device = Annotated[str, Doc("auto, cpu, cuda or cuda:N.")]
Workers = Annotated[
    int,
    Ge(0),
    Doc("Local worker processes, one a GPU where there are GPUs; 0 works in this process."),
]
RunWorkers = Annotated[
    int,
    Ge(0),
    Doc("Runs at once, each in a local process (one a GPU where there are GPUs); 0 runs one after another in this."),
]
Scheduler = Annotated[
    str | None, Placeholder("ADDR"), Doc("Dask scheduler to use instead, such as tcp://10.0.0.1:8786.")
]
Threads = Annotated[
    int | None,
    Ge(1),
    Doc(
        "CPU threads of the networks in each worker; part of the settings, since it changes the last bits. Fastest on "
        "a CPU: --threads 1 and as many workers as cores.  [default: as the folder was begun, or up to 4]"
    ),
]
Overwrite = Annotated[bool, Doc("Recreate the folder: delete what an earlier run left there.")]
BadRows = Annotated[Literal["stop", "skip"], Doc("Bad rows: stop, or leave them out and list them.")]
MissingImages = Annotated[
    Literal["error", "skip", "text-only"],
    Doc("Posts whose photo is not there: stop, leave them out, or run them on text. None gets another picture."),
]
SpansIn = Annotated[
    Literal["characters", "utf16"],
    Doc("What spans into a text count: characters, or UTF-16 units as JavaScript and Java do."),
]
PostLayout = Annotated[
    Literal["mnre-1", "mnre", "jsonl", "umre", "more", "conll", "jmere", "m2re", "table", "datasets"] | None,
    Doc("How the posts lie on the disk; docs/data-sets.md shows each.  [default: told by the files]"),
]
Types = Annotated[Path | None, Doc("JSONL of entity types by post id.")]
Graphs = Annotated[Path | None, Doc("Scene graphs of the photos, for models that read them.  [default: from boxes]")]
FeaturePath = Annotated[Path | None, Doc("Feature shards; none trains without them.")]
Preset = Annotated[str, Doc("Values to start from: paper, finetune (trains the language model), demo.")]
ConfigFile = Annotated[Path | None, Spelled("--config"), Doc("YAML with any of the keys.")]
TrainMissing = Annotated[
    Literal["error", "skip", "text-only"] | None,
    Doc("Posts whose photo is not in the shards: stop, leave them out, or run them on text.  [default: error]"),
]
TrainBadRows = Annotated[
    Literal["stop", "skip"] | None, Doc("Bad rows: stop, or leave them out and list them.  [default: stop]")
]
TrainSpans = Annotated[
    Literal["characters", "utf16"] | None,
    Doc("What spans into a text count: characters, or UTF-16 units as JavaScript and Java do."),
]
Negative = Annotated[
    str | None,
    Placeholder("NAME"),
    Doc('The relation that means "no relation", which figures leave out.  [default: None, NA, no_relation, ...]'),
]
CaptionPaths = Annotated[
    tuple[Path, ...],
    Placeholder("PATH"),
    Doc(
        'Caption shards, or a file of captions, one line a photo: {"image_id": ..., "caption": ...}. Files need no '
        "--features; give the option again for each."
    ),
]
Explain = Annotated[
    bool,
    Doc(
        "Also read every row again without its photo, each of its objects and its caption, and write what each did "
        "for the prediction: up to K + 2 more readings a row."
    ),
]
RowsAtOnce = Annotated[int, Ge(1), Doc("Rows at once.")]


@dataclass(frozen=True, slots=True)
class ExtractSettings:
    """What `dgf extract-features` can be asked.

    The weights have no default, since the published ones are only fetched when asked for.
    """

    data: Annotated[Path, Positional("DATA")]
    out: Annotated[Path, Doc("Folder for the shards.")]
    detector: Annotated[
        str | None,
        Doc("detectron2:CONFIG|FILE, torchvision:NAME or visual-genome.  [default: R50-FPN of the first installed]"),
    ] = None
    weights: Annotated[
        str | None,
        Doc("Of the detector: a file, `default` (the published ones, fetched once), or `random[:SEED]`."),
    ] = None
    vgg_weights: Annotated[
        str | None, Doc("Of VGG16: a file, `default`, a name of torchvision's, or `random[:SEED]`.")
    ] = None
    fc7: Annotated[bool, Doc("Store VGG16's fc7 layer too.")] = False
    pyramid: Annotated[bool, Doc("Store ResNet-50's four stages of the photo and its best three objects too.")] = False
    resnet_weights: Annotated[
        str | None, Doc("Of ResNet-50: a file, `default`, a name of torchvision's, or `random[:SEED]`.")
    ] = None
    top_k: Annotated[int, Ge(1), Doc("Objects kept of a photo.")] = 10
    regions: Annotated[int, Ge(1), Doc("Regions kept for captions.")] = 50
    min_size: Annotated[int | None, Ge(32), Doc("Shorter edge of the detector's input.  [default: the model's]")] = None
    max_size: Annotated[int | None, Ge(32), Doc("Limit of its longer edge.  [default: the model's]")] = None
    workers: Workers = 0
    scheduler: Scheduler = None
    device: Device = "auto"
    shard_size: Annotated[int, Ge(1), Doc("Most photos in a shard.")] = 256
    batch_size: Annotated[int | None, Ge(1), Doc("Most photos in a batch.  [default: 16 on a GPU, 4 on a CPU]")] = None
    threads: Threads = None
    on_error: BadRows = "stop"
    missing_images: MissingImages = "error"
    span_unit: SpansIn = "characters"
    layout: PostLayout = None
    damaged: Annotated[
        Literal["fail", "use"],
        Doc("JPEG and PNG whose pixel data is damaged: record them as failed, or use what the decoder makes of them."),
    ] = "fail"
    overwrite: Overwrite = False


@dataclass(frozen=True, slots=True)
class CaptionSettings:
    """What `dgf caption` can be asked."""

    data: Annotated[Path, Positional("DATA")]
    features: Annotated[Path, Doc("Feature shards.")]
    out: Annotated[Path, Doc("Folder for the shards.")]
    oscar: Annotated[
        str | None, Placeholder("DIR"), Doc("Folder of an Oscar captioning checkpoint, or random[:SEED].")
    ] = None
    beams: Annotated[int, Ge(1), Doc("Beams; 1 is greedy.")] = 5
    captions: Annotated[Path | None, Doc('Your own captions instead: JSONL of {"image_id": ..., "caption": ...}.')] = (
        None
    )
    backend: Annotated[
        Literal["oscar", "hf"],
        Doc("oscar reads the regions in the shards; hf reads the photos with a model of transformers."),
    ] = "oscar"
    model: Annotated[Path | None, Doc("Folder of the model for --backend hf.")] = None
    length: Annotated[int, Ge(3), Doc("Longest caption in word pieces, with start and end.")] = 20
    span_unit: SpansIn = "characters"
    layout: PostLayout = None
    precision: Annotated[
        Literal["float32", "bfloat16"],
        Doc("bfloat16 is faster on a GPU; `dgf bench caption` says what share of the words it changes."),
    ] = "float32"
    workers: Workers = 0
    scheduler: Scheduler = None
    device: Device = "auto"
    batch_size: Annotated[int | None, Ge(1), Doc("Photos captioned at once.  [default: 128 on a GPU, 16 on a CPU]")] = (
        None
    )
    threads: Threads = None
    overwrite: Overwrite = False


@dataclass(frozen=True, slots=True)
class InspectSettings:
    """What `dgf inspect` can be asked."""

    folder: Annotated[Path, Positional("FEATURES|CAPTIONS")]
    verify: Annotated[bool, Doc("Read every shard again and compare it with its marker.")] = False
    sheet: Annotated[Path | None, Doc("Draw photos and boxes into this PNG.")] = None
    data: Annotated[Path | None, Doc("Data set whose photos the sheet shows.")] = None
    layout: PostLayout = None
    captions: Annotated[Path | None, Doc("Folder of captions to write below the photos.")] = None
    photos: Annotated[int, Interval(ge=1, le=400), Doc("Photos on the sheet.")] = 12


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
    data: Annotated[Path, Positional("DATA")]
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


@dataclass(frozen=True, slots=True)
class EvalOptions:
    """What `dgf eval` can be asked; None takes what the run was trained on."""

    runs: Annotated[tuple[Path, ...], Positional("RUN...", many=True)]
    against: Annotated[tuple[Path, ...], Placeholder("RUN"), Doc("Compare with these runs; once for each.")] = ()
    split: Annotated[str, Doc("Which rows.")] = "test"
    out: Annotated[
        Path | None, Doc("Folder of the report; of several runs also of comparison.json.  [default: RUN/eval-SPLIT]")
    ] = None
    path: Annotated[Path | None, Spelled("--data"), Doc("Another data set than the run's.")] = None
    features: Annotated[Path | None, Doc("Its feature shards.")] = None
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


@dataclass(frozen=True, slots=True)
class DemoSettings:
    """What `dgf demo` can be asked."""

    overrides: Annotated[tuple[str, ...], Positional("[KEY=VALUE]...", many=True)] = ()
    out: Annotated[Path, Doc("Folder for everything the demo makes; a second run continues from what is there.")] = (
        Path("demo-run")
    )
    seed: Annotated[int, Ge(0), Doc("Of the world, of weights and of the order of rows.")] = 0


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
