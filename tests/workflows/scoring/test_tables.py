import json
from pathlib import Path
from typing import Any

import pytest

from dgf.workflows.scoring import (
    Comparison,
    Scores,
    check_answers_place,
    comparison_line,
    over_seeds,
    seeds_table,
    table,
)

SCORES: dict[str, Any] = {
    "accuracy": 0.575,
    "precision": 0.6,
    "recall": 0.45,
    "f1": 0.5143,
    "macro_f1": 0.3333,
    "macro_relations": 2,
    "rows": 40,
    "intervals": {
        "accuracy": [0.42, 0.73],
        "precision": [0.4, 0.8],
        "recall": [0.25, 0.655],
        "f1": [0.31, 0.7],
        "macro_f1": [0.0, 0.8],
    },
    "calibration": {"error": 0.123, "brier": 0.5, "bins": []},
    "per_relation": {
        "/per/per/peer": {"precision": 0.125, "recall": 0.25, "f1": 0.1667, "support": 8, "training_rows": 21},
        "/per/org/member_of": {"precision": 1.0, "recall": 0.75, "f1": 0.8571, "support": 20, "training_rows": 110},
    },
    "slices": [{"by": "photo", "value": "with", "f1": 0.5, "interval": [0.25, 0.75], "rows": 37}],
}
REPORT: dict[str, Any] = {
    "run": "runs/one",
    "split": "test",
    "rows": 40,
    "text_only_rows": 3,
    "skipped_rows": ["a", "b"],
    "protocol": "as agreed",
    "protocols": {"types": "are not used", "selection": "epoch 3 of 5"},
    "oracle": False,
    "negative_label": "no_relation",
    "effects": None,
    "by_share": [{"share": 0.2, "photos": 7, "f1": 0.4, "interval": None}],
    "scores": SCORES,
}
HEAD = (
    "runs/one on test: 40 rows, 3 of them without a photo, 2 skipped\n"
    "protocol: as agreed\n"
    "  types: are not used\n"
    "  selection: epoch 3 of 5\n"
    "figures leave out the relation 'no_relation'\n"
)
ORACLE = "oracle: something gives the label away, and these figures are no results"


def scores(accuracy: float, precision: float, recall: float, f1: float, macro_f1: float) -> Scores:
    return Scores(40, accuracy, precision, recall, f1, macro_f1, 2, per_relation={}, by_training_rows=())


def test_the_table_gives_every_figure_in_percent_under_its_name() -> None:
    assert table(REPORT) == (
        f"{HEAD}\n"
        "   accuracy    precision       recall     micro F1     macro F1  in %\n"
        "      57.50        60.00        45.00        51.43        33.33\n"
        "  42.0-73.0    40.0-80.0    25.0-65.5    31.0-70.0     0.0-80.0  95% interval\n"
        "macro F1 is the mean over the 2 relations with a row here\n"
        "calibration error 12.30%, Brier score 0.500\n"
        "\n"
        "relation                               P       R      F1   rows  trained on\n"
        "/per/org/member_of                100.00   75.00   85.71     20         110\n"
        "/per/per/peer                      12.50   25.00   16.67      8          21\n"
        "\n"
        "part                                  F1    95% interval   rows\n"
        "photo: with                        50.00       25.0-75.0     37\n"
        "20% of the photos (7)              40.00                     40"
    )


def test_the_table_of_rows_without_relations_gives_no_figure() -> None:
    assert table({**REPORT, "scores": None}) == f"{HEAD}no row has a relation: predictions only, no figures"


def test_an_oracle_is_marked_where_its_figures_stand() -> None:
    oracle = {**REPORT, "oracle": True}
    lines = table(oracle).splitlines()
    assert "accuracy" in lines[lines.index(ORACLE) + 1]
    runs = [scores(0.7, 0.6, 0.5, 0.5, 0.3)] * 2
    assert ORACLE in seeds_table(over_seeds(runs), [oracle, REPORT], None)
    assert ORACLE not in seeds_table(over_seeds(runs), [REPORT, REPORT], None) + table(REPORT)


def test_few_rows_have_no_line_of_intervals() -> None:
    assert "95% interval" not in table(
        {**REPORT, "scores": {**SCORES, "intervals": None, "slices": []}, "by_share": None}
    )


def test_the_table_over_seeds_gives_the_mean_and_the_sample_deviation_in_percent() -> None:
    runs = [
        scores(0.70, 0.60, 0.40, 0.50, 0.31),
        scores(0.70, 0.64, 0.50, 0.60, 0.32),
        scores(0.70, 0.68, 0.60, 0.70, 0.36),
    ]
    reports = [REPORT, {**REPORT, "run": "runs/2"}, {**REPORT, "run": "runs/3", "protocol": "another"}]
    assert seeds_table(over_seeds(runs), reports, (0.321, 0.879)) == (
        "mean and deviation over 3 runs\n"
        "protocol: another\n"
        "protocol: as agreed\n"
        "           accuracy  precision     recall         f1   macro_f1\n"
        "runs/one      57.50      60.00      45.00      51.43      33.33\n"
        "runs/2        57.50      60.00      45.00      51.43      33.33\n"
        "runs/3        57.50      60.00      45.00      51.43      33.33\n"
        "  accuracy   70.00 +- 0.00\n"
        " precision   64.00 +- 4.00\n"
        "    recall   50.00 +- 10.00\n"
        "        f1   60.00 +- 10.00\n"
        "  macro_f1   33.00 +- 2.65\n"
        "with other seeds and posts, mean micro F1 would lie in 32.1-87.9 (95%)"
    )


def test_a_single_run_has_no_deviation() -> None:
    assert over_seeds([scores(0.7, 0.6, 0.4, 0.5, 0.3)])["f1"] == {"mean": 0.5, "deviation": 0.0}


def test_a_comparison_says_its_interval_and_its_test_or_what_it_lacks() -> None:
    said = comparison_line(Comparison(3, 0.0123, 0.04321, (0.0004, 0.0242)))
    assert "+1.23, 95% interval +0.04 to +2.42, p = 0.0432 (t-test over runs and groups of rows" in said
    assert "a p-value takes 3 runs of each, here are 2, and 20 groups of rows" in comparison_line(
        Comparison(2, 0.0123, None, None)
    )


def test_answers_of_an_older_version_may_be_replaced() -> None:
    older = Path(__file__).resolve().parents[2] / "data" / "older" / "predictions.jsonl"
    assert "gates" in json.loads(older.read_text().splitlines()[0])
    check_answers_place(older, "Name another.")


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_shares_of_photos_are_said_in_percent(share: float) -> None:
    by_share = [{"share": share, "photos": 7, "f1": 0.4, "interval": [0.3, 0.5]}]
    assert f"{100 * share:.0f}% of the photos (7)" in table({**REPORT, "by_share": by_share})
