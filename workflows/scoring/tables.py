"""What `dgf eval` shows: figures of one run, of several, and of two systems, laid out for the terminal."""

from collections.abc import Mapping, Sequence
from statistics import mean, stdev
from typing import Any

from dgf.workflows.data import text_only_words
from dgf.workflows.scoring.effects import effects_table
from dgf.workflows.scoring.intervals import FEWEST_GROUPS, Interval
from dgf.workflows.scoring.metrics import Scores
from dgf.workflows.scoring.significance import COMPARED_BY, FEWEST_RUNS, Comparison

FIGURES = ("accuracy", "precision", "recall", "f1", "macro_f1")

_ORACLE = "oracle: something gives the label away, and these figures are no results"


def table(report: Mapping[str, Any]) -> str:
    """Lay out a report for the terminal: how measured, over all rows, by relation, by slice."""
    left_out = report["negative_label"]
    lacking = text_only_words(captions=report.get("captioner") is not None)
    lines = [
        f"{report['run']} on {report['split']}: {report['rows']} rows, {report['text_only_rows']} of them {lacking}, "
        f"{len(report['skipped_rows'])} skipped",
        f"protocol: {report['protocol']}",
        *(f"  {name}: {said}" for name, said in report["protocols"].items()),
        f"figures leave out the relation {left_out!r}" if left_out else "figures count every relation",
    ]
    if report["effects"]:
        lines += ["", *effects_table(report["effects"])]
    if report["scores"] is None:
        return "\n".join([*lines, "no row has a relation: predictions only, no figures"])
    parts = [_whole(report), _by_relation(report["scores"]), _by_slice(report)]
    return "\n".join([*lines, *(line for part in parts if part for line in ("", *part))])


def _whole(report: Mapping[str, Any]) -> list[str]:
    """Figures over all rows with their intervals below, and how far the probabilities are to be trusted."""
    scores = report["scores"]
    names = ("accuracy", "precision", "recall", "micro F1", "macro F1")
    lines = [_ORACLE] if report["oracle"] else []
    lines.append("  ".join(f"{name:>11}" for name in names) + "  in %")
    lines.append("  ".join(f"{100 * scores[name]:11.2f}" for name in FIGURES))
    if scores["intervals"]:
        lines.append("  ".join(f"{_ends(scores['intervals'][name]):>11}" for name in FIGURES) + "  95% interval")
    calibration = scores["calibration"]
    lines.append(f"macro F1 is the mean over the {scores['macro_relations']} relations with a row here")
    lines.append(f"calibration error {100 * calibration['error']:.2f}%, Brier score {calibration['brier']:.3f}")
    return lines


def _by_relation(scores: Mapping[str, Any]) -> list[str]:
    lines = [f"{'relation':<32}{'P':>8}{'R':>8}{'F1':>8}{'rows':>7}{'trained on':>12}"]
    for name, r in sorted(scores["per_relation"].items(), key=lambda item: -item[1]["support"]):
        figures = "".join(f"{100 * r[figure]:8.2f}" for figure in ("precision", "recall", "f1"))
        lines.append(f"{name:<32}{figures}{r['support']:7d}{r['training_rows']:12d}")
    return lines


def _by_slice(report: Mapping[str, Any]) -> list[str]:
    """Micro F1 of parts of the split, and with shares of the photos."""
    rows = [(f"{s['by']}: {s['value']}", s["f1"], s["interval"], s["rows"]) for s in report["scores"]["slices"]]
    for share in report["by_share"] or ():
        name = f"{100 * share['share']:g}% of the photos ({share['photos']})"
        rows.append((name, share["f1"], share["interval"], report["scores"]["rows"]))
    lines = [f"{'part':<32}{'F1':>8}{'95% interval':>16}{'rows':>7}"] if rows else []
    return lines + [f"{name:<32}{100 * f1:8.2f}{_ends(ends):>16}{count:7d}" for name, f1, ends, count in rows]


def _ends(interval: Sequence[float] | None) -> str:
    return "" if interval is None else f"{100 * interval[0]:.1f}-{100 * interval[1]:.1f}"


def over_seeds(reports: Sequence[Scores]) -> dict[str, dict[str, float]]:
    """Return the mean and sample standard deviation of each figure over runs that differ in their seed."""
    columns = {name: [float(getattr(scores, name)) for scores in reports] for name in FIGURES}
    return {
        name: {"mean": mean(values), "deviation": stdev(values) if len(values) > 1 else 0.0}
        for name, values in columns.items()
    }


def seeds_table(
    figures: Mapping[str, Mapping[str, float]], reports: Sequence[Mapping[str, Any]], interval: Interval | None
) -> str:
    """Lay out several runs for the terminal: each one's figures, their mean and deviation, the interval of mean F1."""
    lines = [f"mean and deviation over {len(reports)} runs"]
    lines += [f"protocol: {protocol}" for protocol in sorted({report["protocol"] for report in reports})]
    lines += [_ORACLE] if any(report["oracle"] for report in reports) else []
    width = max(len(report["run"]) for report in reports)
    lines.append(" " * width + "".join(f"{name:>11}" for name in FIGURES))
    for report in reports:
        if report["scores"]:
            lines.append(f"{report['run']:<{width}}" + "".join(f"{100 * report['scores'][n]:11.2f}" for n in FIGURES))
    lines += [f"{name:>10} {100 * f['mean']:7.2f} +- {100 * f['deviation']:.2f}" for name, f in figures.items()]
    if interval:
        lines.append(f"with other seeds and posts, mean micro F1 would lie in {_ends(interval)} (95%)")
    return "\n".join(lines)


def comparison_line(comparison: Comparison) -> str:
    """Say for the terminal by how much the first runs are ahead of the others, and whether chance gives as much."""
    said = f"micro F1 of the first less that of --against: {100 * comparison.difference:+.2f}"
    if comparison.p_value is None or comparison.interval is None:
        lacking = f"{FEWEST_RUNS} runs of each, here are {comparison.runs}, and {FEWEST_GROUPS} groups of rows"
        return f"{said} (a p-value takes {lacking})"
    low, high = (100 * end for end in comparison.interval)
    return (
        f"{said}, 95% interval {low:+.2f} to {high:+.2f}, p = {comparison.p_value:.4f} "
        f"({COMPARED_BY}; {comparison.runs} runs of each)"
    )
