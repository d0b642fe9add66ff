"""Predictions, figures and reports."""

from dgf.workflows.scoring.answers import Answers, Predictions, answer, predict
from dgf.workflows.scoring.effects import summarize_effects
from dgf.workflows.scoring.groups import group_rows
from dgf.workflows.scoring.intervals import Intervals, estimate_intervals, f1_interval
from dgf.workflows.scoring.metrics import RelationScores, Scores, score
from dgf.workflows.scoring.record import check_answers_place, check_report_place, write_predictions, write_report
from dgf.workflows.scoring.significance import Comparison, compare
from dgf.workflows.scoring.tables import comparison_line, over_seeds, seeds_table, table

__all__ = [
    "Answers",
    "Comparison",
    "Intervals",
    "Predictions",
    "RelationScores",
    "Scores",
    "answer",
    "check_answers_place",
    "check_report_place",
    "compare",
    "comparison_line",
    "estimate_intervals",
    "f1_interval",
    "group_rows",
    "over_seeds",
    "predict",
    "score",
    "seeds_table",
    "summarize_effects",
    "table",
    "write_predictions",
    "write_report",
]
