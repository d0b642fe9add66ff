"""What `dgf predict` can be asked."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from annotated_types import Ge, Interval
from typing_extensions import Doc

from dgf.workflows.settings import (
    Device,
    Explain,
    Graphs,
    MissingImages,
    Placeholder,
    Positional,
    PostLayout,
    RowsAtOnce,
    SpansIn,
    Workers,
)


@dataclass(frozen=True, slots=True)
class PredictSettings:
    """What `dgf predict` can be asked."""

    run: Annotated[Path, Positional("RUN")]
    posts: Annotated[Path, Positional("POSTS")]
    out: Annotated[Path | None, Doc("File to write.  [default: standard output]")] = None
    captions: Annotated[
        tuple[Path, ...],
        Placeholder("PATH"),
        Doc("A file of captions of the posts' photos, one line a photo, as for `dgf train`; again for each."),
    ] = ()
    graphs: Graphs = None
    boxes: Annotated[
        Path | None,
        Placeholder("FILE"),
        Doc("Boxes of the posts' photos, as for `dgf extract-features`, where the run's objects are at given boxes."),
    ] = None
    work: Annotated[Path | None, Doc("Folder to keep features and captions in.")] = None
    weights: Annotated[str | None, Doc("Of the detector, where not as for the run's features.")] = None
    vgg_weights: Annotated[str | None, Doc("Of VGG16, likewise.")] = None
    encoder_weights: Annotated[
        str | None, Doc("Of another encoder, likewise: the folder of its checkpoint, or timm's file.")
    ] = None
    resnet_weights: Annotated[str | None, Doc("Of ResNet-50, likewise.")] = None
    oscar: Annotated[str | None, Placeholder("DIR"), Doc("Oscar's or the other captioner's folder, likewise.")] = None
    missing_images: MissingImages = "error"
    on_error: Annotated[
        Literal["answer", "stop", "skip"] | None,
        Doc(
            "Bad rows, and with --missing-images error posts whose photo cannot be used: answer them with their fault, "
            "stop, or leave them out.  "
            "[default: answer; stop where a data set is read as a whole]"
        ),
    ] = None
    span_unit: SpansIn = "characters"
    layout: PostLayout = None
    pairs: Annotated[
        Literal["given", "all"],
        Doc(
            '`all` also reads posts with "mentions", a list of what head and tail are, and answers every pair of them; '
            "--mentions implies it."
        ),
    ] = "given"
    mentions: Annotated[
        str | None,
        Placeholder("rules|spacy:MODEL"),
        Doc(
            "Find the mentions of posts that give none, and answer every pair of them. `rules` takes capitalized words "
            "and @names: a fallback without a model, which also takes for a name what begins a sentence."
        ),
    ] = None
    threshold: Annotated[
        float | None,
        Interval(ge=0, le=1),
        Doc('Leave out answers less probable than this, and those of "no relation".'),
    ] = None
    top: Annotated[int, Ge(1), Doc("Relations listed with their probability in each JSON answer.")] = 3
    format: Annotated[
        Literal["jsonl", "csv", "graphml", "rdf"],
        Doc('graphml and rdf (N-Triples) are graphs of names, and leave out answers of "no relation".'),
    ] = "jsonl"
    workers: Workers = 0
    explain: Explain = False
    batch_size: RowsAtOnce = 64
    device: Device = "auto"
