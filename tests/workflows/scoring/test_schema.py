import json
from pathlib import Path

import pytest

from dgf.workflows import scoring
from dgf.workflows.scoring import check_report, report_schema

FILE = Path(scoring.__file__).with_name("report.schema.json")


def test_the_file_is_the_schema_of_the_report() -> None:
    assert json.loads(FILE.read_text()) == report_schema(), (
        f"write json.dumps(report_schema(), indent=1) to {FILE.name}"
    )


def test_every_key_is_asked_for_and_no_other_is_allowed() -> None:
    schema = json.loads(FILE.read_text())
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert set(schema["required"]) == set(schema["properties"]) >= {"protocols", "oracle", "by_share", "scores"}
    assert schema["additionalProperties"] is False
    scores = schema["$defs"]["ReportScores"]
    assert set(scores["required"]) >= {"intervals", "confusion", "calibration", "slices", "per_relation"}
    assert {"type": "null"} in schema["properties"]["scores"]["anyOf"], "where no row has a relation"


def test_what_is_no_report_is_named() -> None:
    with pytest.raises(ValueError, match=r"(?s)protocols.*Field required"):
        check_report("{}")
