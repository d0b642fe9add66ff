"""Plots of summaries, as PNG and SVG: the same bytes for the same figures."""

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dgf.pipeline.yaml_values import load_yaml
from dgf.workflows.reproduce.experiments import Experiment
from dgf.workflows.reproduce.outcome.summaries import Spread, Summary

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = ("png", "svg")


def draw_plots(experiment: Experiment, summaries: Sequence[Summary]) -> dict[str, bytes]:
    """Draw what the experiment shows, by format; nothing where there is nothing to draw."""
    if not summaries or experiment.look == "cases":
        return {}
    from matplotlib import rc_context  # slow to import
    from matplotlib.figure import Figure  # not pyplot, whose figures live in a global state

    draw = {"bars": _bars, "lines": _lines, "bands": _bands}[experiment.look]
    with rc_context({"svg.hashsalt": "dgf"}):
        figure = Figure(layout="constrained")
        draw(figure, experiment, summaries)
        figure.suptitle(experiment.title)
        return {name: _saved(figure, name) for name in FORMATS}


def _saved(figure: "Figure", name: str) -> bytes:
    picture = io.BytesIO()
    figure.savefig(picture, format=name, dpi=120, metadata={"Date": None} if name == "svg" else None)
    return picture.getvalue()


def _bars(figure: "Figure", experiment: Experiment, summaries: Sequence[Summary]) -> None:
    """Micro F1 of each row, oracles hatched, with the paper's as a mark."""
    figure.set_size_inches(8, 1.2 + 0.4 * len(summaries))
    axes = figure.subplots()
    names = [_told(summary) for summary in summaries]
    means, deviations = _columns([summary.figures["f1"] for summary in summaries])
    bars = axes.barh(names, means, xerr=deviations, color="tab:blue", capsize=2, label="ours, mean and deviation")
    for bar, summary in zip(bars, summaries, strict=True):
        if summary.oracle:
            bar.set(hatch="//", facecolor="lightgray")
    printed = [(_told(s), float(s.row.printed["f1"])) for s in summaries if "f1" in s.row.printed]
    if printed:
        axes.plot(
            [f1 for _, f1 in printed], [name for name, _ in printed], "D", color="tab:orange", label="the paper's"
        )
        axes.legend(fontsize="small")
    axes.invert_yaxis()
    axes.grid(alpha=0.3, axis="x")
    axes.set(xlabel="micro F1 in %")


def _lines(figure: "Figure", experiment: Experiment, summaries: Sequence[Summary]) -> None:
    """Micro F1 over what varies, a line a row and a panel a key."""
    figure.set_size_inches(6 * len(experiment.varies), 4.5)
    for axes, key in zip(figure.subplots(1, len(experiment.varies), squeeze=False)[0], experiment.varies, strict=True):
        for row in experiment.rows:
            of_row = [s for s in summaries if s.row is row and s.varied.partition("=")[0] == key]
            if of_row:
                places = [load_yaml(summary.varied.partition("=")[2]) for summary in of_row]
                means, deviations = _columns([summary.figures["f1"] for summary in of_row])
                axes.errorbar(places, means, deviations, marker=".", capsize=2, label=row.title)
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small")
        axes.set(xlabel=key, ylabel="micro F1 in %")


def _bands(figure: "Figure", experiment: Experiment, summaries: Sequence[Summary]) -> None:
    """Micro F1 over the relations of so many training rows, a line a row."""
    figure.set_size_inches(8, 5)
    axes = figure.subplots()
    every = bands_of(summaries)
    for summary in summaries:
        known: Mapping[str, Spread] = summary.bands
        means, deviations = _columns([known[band] for band in every if band in known])
        axes.errorbar(
            [place for place, band in enumerate(every) if band in known],
            means,
            deviations,
            marker=".",
            capsize=2,
            label=_told(summary),
        )
    axes.set_xticks(range(len(every)), every)
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    axes.set(xlabel="training rows of the relation", ylabel="micro F1 in %")


def bands_of(summaries: Sequence[Summary]) -> list[str]:
    """The bands that any summary has, by their training rows."""
    every = {band for summary in summaries for band in summary.bands}
    return sorted(every, key=lambda band: int(band.strip("+").partition("-")[0]))


def _told(summary: Summary) -> str:
    return f"{summary.row.title} ({summary.varied})" if summary.varied else summary.row.title


def _columns(spreads: Sequence[Spread]) -> tuple[list[float], Any]:
    """Means and deviations; no deviation is drawn as none."""
    return [spread.mean for spread in spreads], [spread.deviation or 0.0 for spread in spreads]
