"""The figures of a run that lie in its folder, as a model card shows them."""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult

from dgf.workflows.scoring import FIGURES, check_report
from dgf.workflows.sharing.names import hide_paths, public_data
from dgf.workflows.sharing.parts import named
from dgf.workflows.training.run_folder import RunFolder

_SHOWN = dict(zip(FIGURES, ("accuracy", "micro precision", "micro recall", "micro F1", "macro F1"), strict=True))


@dataclass(frozen=True, slots=True)
class SplitFigures:
    """What `dgf eval` measured of a split.

    Args:
        split: Of which data set.
        data: Name of the data set.
        report: Everything it said.
        protocol: What must stand beside the figures.
        protocols: On what each of them rests, a sentence each.
    """

    split: str
    data: str
    report: Mapping[str, Any]
    protocol: str
    protocols: Mapping[str, str]

    @property
    def rows(self) -> Iterator[tuple[str, str, str]]:
        """Name, value and 95% interval of each figure, in percent."""
        intervals = self.report["scores"]["intervals"]
        for key, name in _SHOWN.items():
            ends = intervals and intervals[key]
            between = f"{100 * ends[0]:.1f} to {100 * ends[1]:.1f}" if ends else "too few rows for one"
            yield name, f"{100 * self.report['scores'][key]:.2f}", between

    def results(self) -> Iterator[EvalResult]:
        """Make what the hub lists beside a model."""
        for key, (name, _, between) in zip(_SHOWN, self.rows, strict=True):
            yield EvalResult(
                task_type="relation-extraction",
                task_name="Relation extraction",
                dataset_type=re.sub(r"[^0-9A-Za-z./_-]+", "-", self.data.removeprefix("hub:")) or "unnamed",
                dataset_name=self.data,
                dataset_split=self.split,
                metric_type="f1" if key == "macro_f1" else key,
                metric_name=f"{name} (95% interval, in percent: {between})",
                metric_value=round(self.report["scores"][key], 4),
            )


def read_figures(folder: RunFolder, paths: Collection[str], relations: Collection[str]) -> list[SplitFigures]:
    """Read the reports in a run folder that have figures, by split; those of older versions are left out.

    Args:
        folder: The run.
        paths: That may stand in a report and are not told.
        relations: Names that look like paths and are none.
    """
    return [
        figures for file in sorted(folder.path.glob("eval-*/report.json")) if (figures := _read(file, paths, relations))
    ]


def _read(file: Path, paths: Collection[str], relations: Collection[str]) -> SplitFigures | None:
    try:
        text = file.read_text(encoding="utf-8")
        check_report(text)
    except (OSError, ValueError):
        return None
    report = json.loads(text)
    if report["scores"] is None:
        return None
    given = [report["run"], report["data"], *([report["types"]["file"]] if report["types"] else [])]
    known = {*paths, *given}
    return SplitFigures(
        report["split"],
        named(public_data(report["data"])),
        report,
        hide_paths(report["protocol"], known, relations),
        {name: hide_paths(said, known, relations) for name, said in report["protocols"].items()},
    )
