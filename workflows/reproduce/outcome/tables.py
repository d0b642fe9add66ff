"""The table of an experiment as Markdown and HTML, made of `runs.csv` and the files beside it alone."""

import base64
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from dgf.pipeline.files import write_atomic
from dgf.workflows.audit.claims import MNRE_TEST
from dgf.workflows.reproduce.experiments import NOT_PRINTED, Experiment, PaperFigure
from dgf.workflows.reproduce.outcome.plots import bands_of, draw_plots
from dgf.workflows.reproduce.outcome.records import (
    CaseLine,
    MissingLine,
    TestLine,
    UnseenLine,
    read_flat_lines,
    read_runs,
)
from dgf.workflows.reproduce.outcome.summaries import Summary, summarize_runs
from dgf.workflows.scoring import COMPARED_BY, FIGURES
from dgf.workflows.scoring.report import check_page_place, render_page

_CALLED = {"accuracy": "Acc", "precision": "P", "recall": "R", "f1": "F1", "macro_f1": "macro F1"}
_BELOW = "Below the line: something gives the label away, so that these figures are no results"
_OTHER_ROWS = (
    f"The paper's figures are of MNRE's {MNRE_TEST.rows:,} test rows, and other rows were evaluated here: "
    "no difference is given."
)


@dataclass(frozen=True, slots=True)
class Table:
    """A table to be shown.

    Args:
        head: Of each column.
        lines: Cells.
        title: What stands above it.
    """

    head: Sequence[str]
    lines: Sequence[Sequence[str]]
    title: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """What the page and the Markdown file have: tables, and lines below them."""

    tables: tuple[Table, ...]
    notes: tuple[str, ...]


def make_tables(folder: Path, experiment: Experiment) -> tuple[Path, ...]:
    """Write table and plots into the folder that holds `runs.csv`, and return them.

    Raises:
        UserError: There is no `runs.csv`, or a page of another program.
    """
    page = folder / "table.html"
    check_page_place(page, "Name another folder as --out.")
    summaries = summarize_runs(experiment, read_runs(folder / "runs.csv"))
    shown = _show(folder, experiment, summaries)
    plots = {folder / f"plot.{kind}": data for kind, data in draw_plots(experiment, summaries).items()}
    picture = base64.b64encode(plots.get(folder / "plot.png", b"")).decode()
    values = {"experiment": experiment, "shown": shown, "picture": picture}
    written = {
        folder / "table.md": _markdown(experiment, shown).encode(),
        page: render_page("reproduced.html", "dgf.workflows.reproduce.outcome", **values),
        **plots,
    }
    for file, data in written.items():
        write_atomic(file, data)
    return folder / "runs.csv", *written


def _show(folder: Path, experiment: Experiment, summaries: Sequence[Summary]) -> Shown:
    tests = {(line.row, line.varied): line for line in read_flat_lines(folder / "tests.csv", TestLine)}
    missing = read_flat_lines(folder / "missing.csv", MissingLine)
    protocols = list(dict.fromkeys(summary.protocol for summary in summaries))
    tables = [
        _figures_table(
            experiment, [s for s in summaries if s.oracle == below], tests, protocols, _BELOW if below else ""
        )
        for below in (False, True)
        if any(summary.oracle == below for summary in summaries)
    ]
    if experiment.look == "bands":
        tables.append(_bands_table(summaries))
    if experiment.look == "cases":
        tables.append(_cases_table(experiment, read_flat_lines(folder / "cases.csv", CaseLine)))
    notes = [f"Protocol {number}: {protocol}" for number, protocol in enumerate(protocols, 1)]
    if tests:
        notes.append(f"Difference: mean micro F1 less that of the best row, with p of a {COMPARED_BY}.")
    if experiment.paper and not all(summary.beside_paper for summary in summaries):
        notes.append(_OTHER_ROWS)
    for summary in {s.row.name: s for s in summaries}.values():
        found = summary.row.feasibility
        if found is not None and not found.possible:
            notes.append(f"{summary.row.title}, no confusion matrix has the paper's: {'; '.join(found.reasons)}.")
    notes += [f"Missing: {' '.join(filter(None, (m.row, m.varied)))}, seed {m.seed}: {m.reason}" for m in missing]
    notes += _unseen_notes(read_flat_lines(folder / "unseen.csv", UnseenLine))
    return Shown(tuple(tables), tuple(notes))


def _unseen_notes(lines: Sequence[UnseenLine]) -> Iterator[str]:
    """Name the relations that runs never saw, of all rows that drew alike together."""
    rows: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for line in lines:
        rows[line.varied, line.seed, line.relations].append(line.row)
    for (varied, seed, relations), names in rows.items():
        run = ", ".join(filter(None, (varied, f"seed {seed}")))
        yield f"Trained without a row of {relations}: {', '.join(names)} with {run}"


def _figures_table(
    experiment: Experiment,
    summaries: Sequence[Summary],
    tests: dict[tuple[str, str], TestLine],
    protocols: list[str],
    title: str,
) -> Table:
    """Ours, the difference from the best, and the paper's beside it."""
    varied = ["with"] if experiment.varies else []
    paper = [f"paper's {_CALLED[name]}" for name in experiment.paper]
    beside = [*paper, "F1 less paper's", "one matrix has paper's", "source"] if paper else []
    head = ["system", *varied, "runs", *(_CALLED[name] for name in FIGURES), "difference", "protocol", *beside]
    lines = [
        [
            summary.row.title,
            *([summary.varied] if varied else []),
            str(len(summary.runs)) if summary.row.rule is None else NOT_PRINTED,
            *(str(summary.figures[name]) for name in FIGURES),
            _difference(tests.get((summary.row.name, summary.varied))),
            str(protocols.index(summary.protocol) + 1),
            *(_paper_cells(experiment.paper, summary) if paper else []),
        ]
        for summary in summaries
    ]
    return Table(head, lines, title)


def _difference(test: TestLine | None) -> str:
    """From the best; nothing of the best itself, and of what cannot be compared."""
    if test is None:
        return ""
    return f"{100 * float(test.difference):+.2f}" + (f" ({_p_value(float(test.p_value))})" if test.p_value else "")


def _p_value(value: float) -> str:
    return "p < 0.0001" if value < 0.0001 else f"p = {value:.4f}"


def _paper_cells(names: Sequence[PaperFigure], summary: Summary) -> list[str]:
    row = summary.row
    f1, found = row.printed.get("f1"), row.feasibility
    return [
        *(row.paper.get(name, "") for name in names),
        "" if f1 is None or not summary.beside_paper else f"{summary.figures['f1'].mean - float(f1):+.2f}",
        "" if found is None else "yes" if found.possible else "no",
        row.source,
    ]


def _bands_table(summaries: Sequence[Summary]) -> Table:
    every = bands_of(summaries)
    lines = [[s.row.title, *(str(s.bands.get(band, "")) for band in every)] for s in summaries]
    return Table(["system", *every], lines, "Micro F1 over the relations with so many training rows")


def _cases_table(experiment: Experiment, cases: Sequence[CaseLine]) -> Table:
    """Pairs of one post down, systems across."""
    rows = [row for row in experiment.rows if any(case.row == row.name for case in cases)]
    pairs = dict.fromkeys((case.head, case.tail, case.relation) for case in cases)
    cells = {(case.head, case.tail, case.relation, case.row): case for case in cases}
    lines = [[*pair, *(_case(cells.get((*pair, row.name))) for row in rows)] for pair in pairs]
    title = f"{cases[0].sentence} (photo: {cases[0].photo or 'none'})" if cases else "no post has answers"
    return Table(["head", "tail", "relation", *(row.title for row in rows)], lines, title)


def _case(case: CaseLine | None) -> str:
    if case is None:
        return ""
    return f"{case.right} of {case.runs} right" + ("" if case.answer == case.relation else f", mostly {case.answer}")


def _markdown(experiment: Experiment, shown: Shown) -> str:
    parts = [f"# {experiment.title}", f"{experiment.of}. {experiment.note}".strip()]
    for table in shown.tables:
        parts += [table.title] if table.title else []
        parts.append("\n".join([_line(table.head), _line(["---"] * len(table.head)), *map(_line, table.lines)]))
    parts.append("\n".join(f"- {_cell(note)}" for note in shown.notes))
    return "\n\n".join(parts) + "\n"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(map(_cell, cells))} |"


def _cell(text: str) -> str:
    """Text of a data set, which may be anything, in a line of Markdown."""
    plain = " ".join(text.split())
    return plain.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")
