"""Predictions, figures and reports."""

from dgf.workflows.scoring.answers import Answers, Predictions, answer, predict
from dgf.workflows.scoring.assessment import Assessment, ShareScores, assess, assess_share
from dgf.workflows.scoring.calibration import calibrate
from dgf.workflows.scoring.effects import summarize_effects
from dgf.workflows.scoring.groups import Groups, group_rows
from dgf.workflows.scoring.intervals import Interval, estimate_intervals, f1_interval
from dgf.workflows.scoring.metrics import RelationScores, Scores, count_confusion, score
from dgf.workflows.scoring.protocols import AuditedTypes, Protocols, describe_protocols, describe_selection
from dgf.workflows.scoring.record import (
    check_answers_place,
    check_comparison_place,
    check_report_place,
    write_comparison,
    write_predictions,
    write_report,
)
from dgf.workflows.scoring.schema import check_report, report_schema
from dgf.workflows.scoring.significance import COMPARED_BY, Comparison, compare, mean_interval
from dgf.workflows.scoring.slices import AnsweredRows, Slice, slice_scores
from dgf.workflows.scoring.tables import FIGURES, comparison_line, over_seeds, seeds_table, table

__all__ = [
    "COMPARED_BY",
    "FIGURES",
    "AnsweredRows",
    "Answers",
    "Assessment",
    "AuditedTypes",
    "Comparison",
    "Groups",
    "Interval",
    "Predictions",
    "Protocols",
    "RelationScores",
    "Scores",
    "ShareScores",
    "Slice",
    "answer",
    "assess",
    "assess_share",
    "calibrate",
    "check_answers_place",
    "check_comparison_place",
    "check_report",
    "check_report_place",
    "compare",
    "comparison_line",
    "count_confusion",
    "describe_protocols",
    "describe_selection",
    "estimate_intervals",
    "f1_interval",
    "group_rows",
    "mean_interval",
    "over_seeds",
    "predict",
    "report",
    "report_schema",
    "score",
    "seeds_table",
    "slice_scores",
    "summarize_effects",
    "table",
    "write_comparison",
    "write_predictions",
    "write_report",
]
