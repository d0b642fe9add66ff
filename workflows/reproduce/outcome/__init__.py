"""What comes out of an experiment: its files, its table and its plots."""

from dgf.workflows.reproduce.outcome.answers import (
    AnsweredLine,
    case_lines,
    choose_case,
    compare_with_best,
    read_answers,
)
from dgf.workflows.reproduce.outcome.records import (
    CaseLine,
    MissingLine,
    RunLine,
    TestLine,
    TimeLine,
    UnseenLine,
    read_runs,
    write_flat_lines,
    write_runs,
)
from dgf.workflows.reproduce.outcome.run_lines import line_of_rule, line_of_run, time_of_run, unseen_by_run
from dgf.workflows.reproduce.outcome.tables import make_tables

__all__ = [
    "AnsweredLine",
    "CaseLine",
    "MissingLine",
    "RunLine",
    "TestLine",
    "TimeLine",
    "UnseenLine",
    "case_lines",
    "choose_case",
    "compare_with_best",
    "line_of_rule",
    "line_of_run",
    "make_tables",
    "read_answers",
    "read_runs",
    "time_of_run",
    "unseen_by_run",
    "write_flat_lines",
    "write_runs",
]
