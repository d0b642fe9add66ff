"""Predictions, figures and reports."""

from dgf.workflows.scoring.answers import Answers, Predictions, answer, predict
from dgf.workflows.scoring.effects import summarize_effects
from dgf.workflows.scoring.metrics import RelationScores, Scores, score
from dgf.workflows.scoring.report import (
    check_answers_place,
    check_report_place,
    over_seeds,
    seeds_table,
    table,
    write_predictions,
    write_report,
)

__all__ = [
    "Answers",
    "Predictions",
    "RelationScores",
    "Scores",
    "answer",
    "check_answers_place",
    "check_report_place",
    "over_seeds",
    "predict",
    "score",
    "seeds_table",
    "summarize_effects",
    "table",
    "write_predictions",
    "write_report",
]
