"""What the commands can be asked that make folders of shards and look at them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from annotated_types import Ge, Interval
from typing_extensions import Doc

from dgf.pipeline.storage.address import Address
from dgf.workflows.settings.options import (
    BadRows,
    Device,
    MissingImages,
    Overwrite,
    Placeholder,
    Positional,
    PostLayout,
    Scheduler,
    SpansIn,
    Threads,
    Workers,
)


@dataclass(frozen=True, slots=True)
class ExtractSettings:
    """What `dgf extract-features` can be asked.

    The weights have no default, since the published ones are only fetched when asked for.
    """

    data: Annotated[Path | Address, Positional("DATA")]
    out: Annotated[Path | Address, Doc("Folder for the shards, or an address such as s3://BUCKET/FOLDER.")]
    detector: Annotated[
        str | None,
        Doc("detectron2:CONFIG|FILE, torchvision:NAME or visual-genome.  [default: R50-FPN of the first installed]"),
    ] = None
    weights: Annotated[
        str | None, Doc("Of the detector: a file, `default` (the published ones, fetched once), or `random[:SEED]`.")
    ] = None
    vgg_weights: Annotated[
        str | None, Doc("Of VGG16: a file, `default`, a name of torchvision's, or `random[:SEED]`.")
    ] = None
    encoder: Annotated[
        str,
        Placeholder("NAME"),
        Doc(
            "What the image blocks come from: vgg16; clip, siglip, dinov2 or vit; transformers:FOLDER or "
            "transformers:NAME, of a hub; timm:NAME."
        ),
    ] = "vgg16"
    encoder_weights: Annotated[
        str | None,
        Doc(
            "Of an encoder that is not vgg16: `random[:SEED]`, a folder to read in place of the checkpoint named, or a "
            "file for timm.  [default: those published, fetched once]"
        ),
    ] = None
    fc7: Annotated[bool, Doc("Store VGG16's fc7 layer too.")] = False
    pyramid: Annotated[bool, Doc("Store ResNet-50's four stages of the photo and its best three objects too.")] = False
    resnet_weights: Annotated[
        str | None, Doc("Of ResNet-50: a file, `default`, a name of torchvision's, or `random[:SEED]`.")
    ] = None
    top_k: Annotated[int, Ge(1), Doc("Objects kept of a photo.")] = 10
    boxes: Annotated[
        Path | None,
        Placeholder("FILE"),
        Doc(
            'Objects at boxes of your own, not those found: JSONL of {"image_id": ..., "boxes": [[x1, y1, x2, y2], '
            '...], "labels": [...], "scores": [...]} in pixels.'
        ),
    ] = None
    regions: Annotated[int, Ge(1), Doc("Regions kept for captions.")] = 50
    min_size: Annotated[int | None, Ge(32), Doc("Shorter edge of the detector's input.  [default: the model's]")] = None
    max_size: Annotated[int | None, Ge(32), Doc("Limit of its longer edge.  [default: the model's]")] = None
    precision: Annotated[
        Literal["float32", "bfloat16"] | None,
        Doc(
            "What the networks compute in; bfloat16 where the device has it.  [default: float32 on a CPU; on a GPU "
            "float16 for the detector, bfloat16 for the others]"
        ),
    ] = None
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
    part: Annotated[
        str | None,
        Placeholder("I/N"),
        Doc(
            "Make the I-th of N shares of the shards, beside runs that make the others in the same --out, on any "
            "machines; whichever ends last completes the folder."
        ),
    ] = None
    retry_failed: Annotated[
        bool,
        Doc("Try photos that failed or were missing again, whatever their files are now; the others stay as they are."),
    ] = False
    overwrite: Overwrite = False


@dataclass(frozen=True, slots=True)
class CaptionSettings:
    """What `dgf caption` can be asked."""

    data: Annotated[Path | Address, Positional("DATA")]
    features: Annotated[Path | Address, Doc("Feature shards.")]
    out: Annotated[Path | Address, Doc("Folder for the shards, or an address such as s3://BUCKET/FOLDER.")]
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

    folder: Annotated[Path | Address, Positional("FEATURES|CAPTIONS")]
    verify: Annotated[bool, Doc("Read every shard again and compare it with its marker.")] = False
    sheet: Annotated[Path | None, Doc("Draw photos and boxes into this PNG.")] = None
    data: Annotated[Path | None, Doc("Data set whose photos the sheet shows.")] = None
    layout: PostLayout = None
    captions: Annotated[Path | None, Doc("Folder of captions to write below the photos.")] = None
    photos: Annotated[int, Interval(ge=1, le=400), Doc("Photos on the sheet.")] = 12


@dataclass(frozen=True, slots=True)
class ExportSettings:
    """What `dgf export` can be asked."""

    features: Annotated[Path | Address, Positional("FEATURES")]
    parquet: Annotated[
        Path, Placeholder("OUT"), Doc("File to write: ids, objects and image features, the numbers as float32.")
    ]
