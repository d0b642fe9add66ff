"""Runs of a row together: mean and deviation of each figure."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean, stdev

from dgf.workflows.audit.claims import MNRE_TEST
from dgf.workflows.reproduce.experiments import Experiment, Row
from dgf.workflows.reproduce.outcome.records import RunLine
from dgf.workflows.scoring import FIGURES


@dataclass(frozen=True, slots=True)
class Spread:
    """Mean and sample standard deviation, in percent; no deviation of one run."""

    mean: float
    deviation: float | None

    def __str__(self) -> str:
        return f"{self.mean:.2f}" + ("" if self.deviation is None else f" ± {self.deviation:.2f}")


@dataclass(frozen=True, slots=True)
class Summary:
    """The runs of a row with one value of what varies.

    Args:
        row: Of the experiment.
        varied: `key=value`, or nothing.
        runs: Lines of `runs.csv`; at least one.
    """

    row: Row
    varied: str
    runs: tuple[RunLine, ...]

    @property
    def figures(self) -> dict[str, Spread]:
        """Each figure over the runs."""
        return {name: spread_of([run.figures[name] for run in self.runs]) for name in FIGURES}

    @property
    def bands(self) -> dict[str, Spread]:
        """Micro F1 in each band of training rows that all runs have."""
        names = [band for band in self.runs[0].bands if all(band in run.bands for run in self.runs)]
        return {band: spread_of([run.bands[band] for run in self.runs]) for band in names}

    @property
    def beside_paper(self) -> bool:
        """Whether as many rows were evaluated as the paper's figures are of, so that they may be compared."""
        return all(run.rows == MNRE_TEST.rows for run in self.runs)

    @property
    def oracle(self) -> bool:
        """Whether something gives the label away."""
        return any(run.oracle for run in self.runs)

    @property
    def protocol(self) -> str:
        """What must stand beside the figures."""
        return " | ".join(dict.fromkeys(run.protocol for run in self.runs))


def spread_of(shares: Sequence[float]) -> Spread:
    """Mean and deviation of shares."""
    return Spread(100 * mean(shares), 100 * stdev(shares) if len(shares) > 1 else None)


def summarize_runs(experiment: Experiment, lines: Sequence[RunLine]) -> list[Summary]:
    """Put the lines of each row together; lines of other rows drop out.

    Rows and what varies stand in the order of the experiment, whatever is missing.
    """
    groups: dict[tuple[str, str], list[RunLine]] = defaultdict(list)
    for line in lines:
        groups[line.row, line.varied].append(line)
    return [
        Summary(row, varied, tuple(groups[row.name, varied]))
        for row in experiment.rows
        for varied in dict.fromkeys([*experiment.points, *(line.varied for line in lines)])
        if (row.name, varied) in groups
    ]
