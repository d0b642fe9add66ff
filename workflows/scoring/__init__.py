"""Predictions, figures and reports."""

from dgf.workflows.scoring.answers import Answers, Predictions, answer, predict
from dgf.workflows.scoring.effects import summarize_effects
from dgf.workflows.scoring.metrics import RelationScores, Scores, score
from dgf.workflows.scoring.record import (
    check_answers_place,
    check_report_place,
    comparison_line,
    over_seeds,
    seeds_table,
    table,
    write_predictions,
    write_report,
)
from dgf.workflows.scoring.significance import Comparison, compare

__all__ = [
    "Answers",
    "Comparison",
    "Predictions",
    "RelationScores",
    "Scores",
    "answer",
    "check_answers_place",
    "check_report_place",
    "compare",
    "comparison_line",
    "over_seeds",
    "predict",
    "report",
    "score",
    "seeds_table",
    "summarize_effects",
    "table",
    "write_predictions",
    "write_report",
]
