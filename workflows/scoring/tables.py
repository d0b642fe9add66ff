"""What `dgf eval` shows: figures of one run, of several, and of two systems, laid out for the terminal."""

from collections.abc import Mapping, Sequence
from statistics import mean, stdev
from typing import Any

from dgf.workflows.data import text_only_words
from dgf.workflows.scoring.effects import effects_table
from dgf.workflows.scoring.metrics import Scores
from dgf.workflows.scoring.significance import FEWEST_RUNS, Comparison

FIGURES = ("accuracy", "precision", "recall", "f1", "macro_f1")


def table(report: Mapping[str, Any], scores: Scores | None) -> str:
    """Lay out the figures for the terminal: how measured, over all rows, then by relation."""
    left_out = report["negative_label"]
    lacking = text_only_words(captions=report.get("captioner") is not None)
    lines = [
        f"{report['run']} on {report['split']}: {report['rows']} rows, {report['text_only_rows']} of them {lacking}, "
        f"{len(report['skipped_rows'])} skipped",
        f"protocol: {report['protocol']}",
        f"figures leave out the relation {left_out!r}" if left_out else "figures count every relation",
    ]
    if report.get("effects"):
        lines += ["", *effects_table(report["effects"])]
    if scores is None:
        return "\n".join([*lines, "no row has a relation: predictions only, no figures"])
    lines += [
        "",
        "  ".join(f"{name:>9}" for name in ("accuracy", "precision", "recall", "micro F1", "macro F1")),
        "  ".join(f"{100 * getattr(scores, name):9.2f}" for name in FIGURES),
        "",
        f"{'relation':<32}{'P':>8}{'R':>8}{'F1':>8}{'rows':>7}{'trained on':>12}",
    ]
    for name, r in sorted(scores.per_relation.items(), key=lambda item: -item[1].support):
        figures = f"{100 * r.precision:8.2f}{100 * r.recall:8.2f}{100 * r.f1:8.2f}{r.support:7d}{r.training_rows:12d}"
        lines.append(f"{name:<32}{figures}")
    return "\n".join(lines)


def over_seeds(reports: Sequence[Scores]) -> dict[str, dict[str, float]]:
    """Return the mean and sample standard deviation of each figure over runs that differ in their seed."""
    columns = {name: [float(getattr(scores, name)) for scores in reports] for name in FIGURES}
    return {
        name: {"mean": mean(values), "deviation": stdev(values) if len(values) > 1 else 0.0}
        for name, values in columns.items()
    }


def seeds_table(figures: Mapping[str, Mapping[str, float]], protocols: Sequence[str]) -> str:
    """Lay out mean and deviation over runs, each of which had a protocol, for the terminal."""
    lines = [f"mean and deviation over {len(protocols)} runs"]
    lines += [f"protocol: {protocol}" for protocol in sorted(set(protocols))]
    lines += [f"{name:>10} {100 * f['mean']:7.2f} +- {100 * f['deviation']:.2f}" for name, f in figures.items()]
    return "\n".join(lines)


def comparison_line(comparison: Comparison) -> str:
    """Say for the terminal by how much the first runs are ahead of the others, and whether chance gives as much."""
    said = f"micro F1 of the first less that of --against: {100 * comparison.difference:+.2f}"
    if comparison.p_value is None:
        return f"{said} (a p-value takes {FEWEST_RUNS} runs of each, and here are {comparison.runs})"
    return f"{said}, p = {comparison.p_value:.4f} (paired randomization over rows, {comparison.runs} runs of each)"
