"""What stands in `report.json`: its keys and their types, and the JSON Schema of them, `report.schema.json`."""

from collections.abc import Mapping
from typing import Any

from pydantic import ConfigDict, TypeAdapter, with_config
from typing_extensions import TypedDict

from dgf.workflows.data import TypeFile
from dgf.workflows.scoring.assessment import ShareScores
from dgf.workflows.scoring.calibration import Calibration
from dgf.workflows.scoring.intervals import Intervals
from dgf.workflows.scoring.metrics import BandScores, Confusion, RelationScores
from dgf.workflows.scoring.slices import Slice

_STRICT = ConfigDict(extra="forbid", strict=True)


@with_config(_STRICT)
class ReportScores(TypedDict):
    """The figures; all but counts, intervals and Brier's score lie in [0, 1]."""

    rows: int
    accuracy: float
    precision: float
    recall: float
    f1: float
    macro_f1: float
    macro_relations: int
    per_relation: dict[str, RelationScores]
    by_training_rows: list[BandScores]
    intervals: Intervals | None
    confusion: Confusion
    calibration: Calibration
    slices: list[Slice]


@with_config(_STRICT)
class ReportProtocols(TypedDict):
    """A sentence on where each came from."""

    types: str
    photos: str
    captions: str
    selection: str


@with_config(_STRICT)
class ReportEffects(TypedDict):
    """What something of a row did for the log-probability of the predicted relation."""

    rows: int
    mean: float
    mean_size: float
    share_for: float


@with_config(_STRICT)
class ReportRelations(TypedDict):
    """Where the relations are listed (None: in the rows), and how many of them have a row in any split."""

    file: str | None
    listed: int
    with_rows: int


@with_config(_STRICT)
class EvalReport(TypedDict):
    """`report.json` of `dgf eval`: how it was measured, then the figures."""

    run: str
    data: str
    split: str
    protocol: str
    protocols: ReportProtocols
    oracle: bool
    entity_types: str
    metric: str
    negative_label: str | None
    rows: int
    rows_without_relation: int
    text_only_rows: int
    rows_with_missing_photo: int
    skipped_rows: list[str]
    features: str | None
    captioner: str | None
    captions_of: str | None
    rows_with_caption: int
    image_share: float
    image_share_in_training: float
    types: TypeFile | None
    relations: ReportRelations
    effects: dict[str, ReportEffects] | None
    language_model: str
    training_rows: int | None
    train_share: float
    shots: int | None
    seed: int
    data_seed: int
    by_share: list[ShareScores] | None
    scores: ReportScores | None


def report_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a report: the content of `report.schema.json`."""
    schema = TypeAdapter(EvalReport).json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "dgf report", **schema}


def check_report(text: str) -> Mapping[str, Any]:
    """Read a report, every key and type of it checked.

    Raises:
        ValueError: It is not one; says what is wrong with it.
    """
    return TypeAdapter(EvalReport).validate_json(text)
