"""How a field says which option it is, and the options that several commands have."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from annotated_types import Ge
from typing_extensions import Doc

from dgf.pipeline.storage.address import Address


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
Workers = Annotated[int, Ge(0), Doc("Local worker processes, one a GPU where there are GPUs; 0 works in this process.")]
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
    Literal["mnre-1", "mnre", "jsonl", "umre", "more", "conll", "jmere", "m2re", "table", "webdataset", "datasets"]
    | None,
    Doc("How the posts lie on the disk; docs/data-sets.md shows each.  [default: told by the files]"),
]
Types = Annotated[Path | None, Doc("JSONL of entity types by post id.")]
Graphs = Annotated[Path | None, Doc("Scene graphs of the photos, for models that read them.  [default: from boxes]")]
FeaturePath = Annotated[Path | Address | None, Doc("Feature shards; none trains without them.")]
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
_CAPTIONS = Doc(
    'Caption shards, or a file of captions, one line a photo: {"image_id": ..., "caption": ...}. Files need no '
    "--features; give the option again for each."
)
CaptionPaths = Annotated[tuple[Path | Address, ...], Placeholder("PATH"), _CAPTIONS]
LocalCaptionPaths = Annotated[tuple[Path, ...], Placeholder("PATH"), _CAPTIONS]
Explain = Annotated[
    bool,
    Doc(
        "Also read every row again without its photo, each of its objects and its caption, and write what each did "
        "for the prediction: up to K + 2 more readings a row."
    ),
]
RowsAtOnce = Annotated[int, Ge(1), Doc("Rows at once.")]
