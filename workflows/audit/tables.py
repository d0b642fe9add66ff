"""What an audit looks like on a terminal."""

from collections.abc import Iterator

from dgf.workflows.audit.findings import LEAK, P_VALUE, SUSPICIOUS, TOO_GOOD, Finding, Told
from dgf.workflows.audit.permutation import DRAWS
from dgf.workflows.audit.run import Audit

_LISTED = 5
_HEAD = ("signal", "values", "acc", "F1", "acc", "effect", "p", "acc", "effect", "p", "verdict")


def audit_lines(found: Audit) -> Iterator[str]:
    """A table with a line a signal, what splits share, and what it comes to."""
    negative = found.negative
    positives = f"{found.positives} with a relation" + (f", the others {negative!r}" if negative else "")
    yield f"{found.data}: {found.rows} rows of {found.split} ({positives})"
    if found.oracle:
        yield "oracle: types are read out of the relations themselves, to see what such types are worth"
    yield ""
    rows = [
        (
            f"always {found.baseline.answer!r}",
            "",
            *(_percent(share) for share in (found.baseline.accuracy, found.baseline.f1)),
            *_told_or_majority([finding.there for finding in found.findings]),
            *_told_or_majority([finding.which for finding in found.findings]),
            "",
        ),
        *(_cells(finding) for finding in found.findings),
    ]
    widths = [max(len(row[column]) for row in (*rows, _HEAD)) for column in range(len(_HEAD))]
    group = [sum(widths[a:b]) + 2 * (b - a - 1) for a, b in ((0, 2), (2, 4), (4, 7), (7, 10))]
    titles = ("all rows", "whether there is one", "which one there is")
    yield f"{'':<{group[0]}}  " + "  ".join(f"{title:^{size}}" for title, size in zip(titles, group[1:], strict=True))
    for row in (_HEAD, *rows):
        cells = [
            f"{row[0]:<{widths[0]}}",
            *(f"{cell:>{size}}" for cell, size in zip(row[1:-1], widths[1:-1], strict=True)),
        ]
        yield "  ".join([*cells, row[-1]]).rstrip()
    yield ""
    others = {finding.fitted_on for finding in found.findings} - {found.fitted_on}
    yield f"each rule reads its signal alone and was learned from {found.fitted_on}" + (
        f" (where that has none, from {', '.join(sorted(others))})" if others else ""
    )
    yield (
        f"effect: 0 tells nothing, 1 all; p: by {DRAWS} exchanges of labels between photos and sentences, corrected "
        "for all questions"
    )
    yield (
        f"leak: p < {P_VALUE} and effect >= {LEAK}; suspicious: effect >= {SUSPICIOUS} (of content that names the "
        f"relation, as captions and types may: >= {TOO_GOOD})"
    )
    yield from _shared_lines(found)
    yield from ("", verdict_line(found))


def verdict_line(found: Audit) -> str:
    """What the audit comes to, in a sentence."""
    named = {level: [f.signal for f in found.findings if f.level == level] for level in ("leak", "suspicious")}
    said = [f"{level}: {', '.join(signals)}" for level, signals in named.items() if signals]
    if unsure := [finding.signal for finding in found.findings if finding.unsure]:
        said.append(f"not to be told from so few posts: {', '.join(unsure)}")
    return f"verdict: {'; '.join(said)}" if said else f"verdict: no leak in {len(found.findings)} signals"


def _cells(finding: Finding) -> tuple[str, ...]:
    return (
        finding.signal,
        str(finding.values),
        _percent(finding.accuracy),
        _percent(finding.f1),
        *_told_cells(finding.there),
        *_told_cells(finding.which),
        finding.level if finding.level != "leak" else "LEAK",
    )


def _told_cells(told: Told | None) -> tuple[str, str, str]:
    if told is None:
        return "", "", ""
    return _percent(told.accuracy), f"{told.effect:.2f}", f"{told.p_value:.4f}"


def _told_or_majority(told: list[Told | None]) -> tuple[str, str, str]:
    baselines = [found.baseline for found in told if found is not None]
    return (_percent(baselines[0]), "0.00", "") if baselines else ("", "", "")


def _shared_lines(found: Audit) -> Iterator[str]:
    if found.shared:
        yield ""
    for pair in found.shared:
        photos = f" and {_counted(pair.photos, 'photo')}" if pair.photos else ""
        yield f"{pair.one} and {pair.other} share {_counted(pair.sentences, 'sentence')}{photos}"
        yield from (f"  {example}" for example in pair.examples[:_LISTED])
        if pair.sentences > len(pair.examples):
            yield f"  ... and {pair.sentences - len(pair.examples)} more"


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" + "s" * (number != 1)


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"
