"""What `dgf audit` can be asked; in this folder, since the options of all commands together fill a file."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from annotated_types import Ge
from typing_extensions import Doc

from dgf.workflows.settings import (
    BadRows,
    Device,
    LocalCaptionPaths,
    Negative,
    Placeholder,
    Positional,
    PostLayout,
    SpansIn,
)


@dataclass(frozen=True, slots=True)
class AuditOptions:
    """What `dgf audit` can be asked."""

    words: Annotated[tuple[str, ...], Positional("[DATA] [KEY=VALUE]...", many=True)] = ()
    split: Annotated[str, Doc("The rows to score; rules are learned from train, where there is one.")] = "test"
    features: Annotated[Path | None, Doc("Feature shards: numbers of objects, sizes of photos.")] = None
    types: Annotated[
        str | None,
        Placeholder("FILE|labels"),
        Doc("JSONL of entity types by post id; `labels` reads them out of the rows' own relations, as an oracle."),
    ] = None
    crops: Annotated[
        Path | None, Doc("Crops of rows: a .pth or .json file of row number to names, or a folder with one a split.")
    ] = None
    phrases: Annotated[Path | None, Doc("Words given for rows: .json or .pth of row number to text, likewise.")] = None
    captions: LocalCaptionPaths = ()
    negative_label: Negative = None
    on_error: BadRows = "stop"
    span_unit: SpansIn = "characters"
    layout: PostLayout = None
    f1: Annotated[str | None, Placeholder("F1"), Doc("With --claims: the printed F1 too.")] = None
    rows: Annotated[int | None, Ge(1), Doc("With --claims: rows of the split.  [default: those of DATA, or 1614]")] = (
        None
    )
    positives: Annotated[
        int | None, Ge(1), Doc("With --claims: rows that have a relation.  [default: those of DATA, or 640]")
    ] = None
    with_model: Annotated[
        str | None,
        Placeholder("LM"),
        Doc("Train this language model with and without a signal written before the sentence, and compare."),
    ] = None
    signal: Annotated[
        str | None, Placeholder("NAME"), Doc("With --with-model: the signal.  [default: the largest leak]")
    ] = None
    work: Annotated[Path | None, Doc("With --with-model: folder of the two runs; the same command continues.")] = None
    seed: Annotated[int, Ge(0), Doc("Of exchanges and halves; of a model: seed=N.")] = 0
    device: Device = "auto"
    strict: Annotated[
        bool, Doc("Exit with 3 where something is called a leak or suspicious, or claims have no solution.")
    ] = False
