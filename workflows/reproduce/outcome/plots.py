"""Plots of summaries, as PNG and SVG: the same bytes for the same figures."""

import io
import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dgf.pipeline.yaml_values import load_yaml
from dgf.workflows.reproduce.experiments import Experiment
from dgf.workflows.reproduce.outcome.summaries import Spread, Summary

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = ("png", "svg")
_MARKS = "os^vD<>"
"""Of lines: seven, beside ten colors, so that no two of seventy lines have the same of both."""


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
        figure.suptitle(textwrap.fill(experiment.title, 60))
        return {name: _saved(figure, name) for name in FORMATS}


def _saved(figure: "Figure", name: str) -> bytes:
    picture = io.BytesIO()
    figure.savefig(picture, format=name, dpi=120, metadata={"Date": None} if name == "svg" else None)
    return picture.getvalue()


def _bars(figure: "Figure", experiment: Experiment, summaries: Sequence[Summary]) -> None:
    """Micro F1 of each row, oracles hatched, with the paper's as a mark."""
    figure.set_size_inches(8, 1.6 + 0.4 * len(summaries))
    axes = figure.subplots()
    looks: list[tuple[bool, dict[str, Any]]] = [
        (False, {"color": "tab:blue", "label": "ours, mean and deviation"}),
        (True, {"facecolor": "lightgray", "edgecolor": "gray", "hatch": "//", "label": "ours, label given away"}),
    ]
    for oracle, look in looks:
        shown = {place: summary.figures["f1"] for place, summary in enumerate(summaries) if summary.oracle == oracle}
        if shown:
            means, deviations = _columns(list(shown.values()))
            axes.barh(list(shown), means, xerr=deviations, capsize=2, **look)
    printed = {
        place: s.row.printed["f1"] for place, s in enumerate(summaries) if "f1" in s.row.printed and s.beside_paper
    }
    if printed:
        axes.plot(list(map(float, printed.values())), list(printed), "D", color="tab:orange", label="the paper's")
    axes.set_yticks(range(len(summaries)), [_told(summary) for summary in summaries])
    axes.invert_yaxis()
    axes.grid(alpha=0.3, axis="x")
    axes.set_axisbelow(True)
    axes.set(xlabel="micro F1 in %")
    figure.legend(loc="outside lower center", ncols=3, fontsize="small")


def _lines(figure: "Figure", experiment: Experiment, summaries: Sequence[Summary]) -> None:
    """Micro F1 over what varies, a line a row and a panel a key."""
    figure.set_size_inches(2 + 5 * len(experiment.varies), 4.5)
    panels = figure.subplots(1, len(experiment.varies), squeeze=False, sharey=True)[0]
    for axes, key in zip(panels, experiment.varies, strict=True):
        of_key = [summary for summary in summaries if summary.varied.partition("=")[0] == key]
        places = _places(list(dict.fromkeys(summary.varied.partition("=")[2] for summary in of_key)))
        for number, row in enumerate(experiment.rows):
            found = {places[s.varied.partition("=")[2]]: s.figures["f1"] for s in of_key if s.row is row}
            if found:
                _draw_line(axes, number, row.title, dict(sorted(found.items())))
        axes.set_xticks(list(places.values()), list(places))
        axes.set(xlabel=key)
    panels[0].set(ylabel="micro F1 in %")
    _add_legend(figure)


def _places(values: Sequence[str]) -> dict[str, float]:
    """Where values stand on an axis: numbers at what they are, all else side by side."""
    read = [load_yaml(value) for value in values]
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in read)
    return dict(zip(values, read if numbers else range(len(values)), strict=True))


def _bands(figure: "Figure", experiment: Experiment, summaries: Sequence[Summary]) -> None:
    """Micro F1 over the relations of so many training rows, a line a row; rows stand a little beside one another."""
    figure.set_size_inches(9, 5)
    axes = figure.subplots()
    every = bands_of(summaries)
    for number, summary in enumerate(summaries):
        beside = 0.4 * ((number + 0.5) / len(summaries) - 0.5)
        found = {place + beside: summary.bands[band] for place, band in enumerate(every) if band in summary.bands}
        _draw_line(axes, number, _told(summary), found)
    axes.set_xticks(range(len(every)), every)
    axes.set(xlabel="training rows of the relation", ylabel="micro F1 in %")
    _add_legend(figure)


def _draw_line(axes: Any, number: int, title: str, spreads: Mapping[float, Spread]) -> None:
    """Draw the line of a row, whose color and mark together no other has."""
    means, deviations = _columns(list(spreads.values()))
    look = {"color": f"C{number % 10}", "marker": _MARKS[number % len(_MARKS)], "markersize": 4}
    axes.errorbar(list(spreads), means, deviations, capsize=2, elinewidth=0.8, label=title, **look)
    axes.grid(alpha=0.3)


def _add_legend(figure: "Figure") -> None:
    """Name the lines of all panels once, where none of them runs."""
    found = {
        label: handle for axes in figure.axes for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(list(found.values()), list(found), loc="outside right upper", fontsize="small")


def bands_of(summaries: Sequence[Summary]) -> list[str]:
    """The bands that any summary has, by their training rows."""
    every = {band for summary in summaries for band in summary.bands}
    return sorted(every, key=lambda band: int(band.strip("+").partition("-")[0]))


def _told(summary: Summary) -> str:
    return f"{summary.row.title} ({summary.varied})" if summary.varied else summary.row.title


def _columns(spreads: Sequence[Spread]) -> tuple[list[float], list[float]]:
    """Means and deviations; NaN, which is not drawn, for no deviation."""
    return [spread.mean for spread in spreads], [
        math.nan if spread.deviation is None else spread.deviation for spread in spreads
    ]
