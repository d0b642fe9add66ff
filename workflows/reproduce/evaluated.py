"""The test split's evaluation of a run, which lies in its folder: made once while what it was given is the same."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dgf.pipeline.files import read_record, write_record
from dgf.workflows.config import DataConfig
from dgf.workflows.data import inputs_of, read_configured
from dgf.workflows.evaluate import EvalSettings, evaluate
from dgf.workflows.located import bring_inputs
from dgf.workflows.training.run_folder import RunFolder

SPLIT = "test"
_FOLDER = f"eval-{SPLIT}"
_GIVEN = "inputs.json"
"""Written last: what the evaluation beside it was given."""


@dataclass(frozen=True, slots=True)
class PlannedEvaluation:
    """A finished run that is to be evaluated.

    Args:
        run: Its folder.
        image_share: Share of the photos that is shown: that of its training.
        given: Digests of what it is evaluated on.
        device: As for `dgf eval`.
    """

    run: Path
    image_share: float
    given: Mapping[str, str]
    device: str = "auto"


def evaluation_folder(run: Path) -> Path:
    """Where the report and the predictions lie."""
    return run / _FOLDER


def is_evaluated(run: Path, given: Mapping[str, str]) -> bool:
    """Whether a finished run was evaluated on what is there now."""
    try:
        return RunFolder(run).finished and read_record(evaluation_folder(run) / _GIVEN) == given
    except (OSError, ValueError):
        return False


def evaluate_run(planned: PlannedEvaluation) -> None:
    """The task: evaluate a run, unless it is done."""
    if is_evaluated(planned.run, planned.given):
        return
    data: dict[str, Any] = {"image_share": planned.image_share}
    folder = evaluation_folder(planned.run)
    (folder / _GIVEN).unlink(missing_ok=True)  # of an evaluation that is about to be replaced
    evaluate(EvalSettings(planned.run, SPLIT, folder, planned.device, data=data, page=False))
    write_record(folder / _GIVEN, planned.given)


def given_to_evaluation(data: DataConfig, known: dict[DataConfig, dict[str, str]]) -> dict[str, str]:
    """Digest what a run of this data is evaluated on; `known` keeps the digests of data that many runs share."""
    data = replace(data, image_share=1.0, train_share=1.0, shots=None, seed=None)  # of no matter for what lies there
    if data not in known:
        here = bring_inputs(data)
        known[data] = inputs_of(here, read_configured(here), (SPLIT,))
    return known[data]
