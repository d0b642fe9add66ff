import json
from pathlib import Path

from dgf.workflows.scoring import RelationScores, Scores, check_answers_place, over_seeds, seeds_table, table

REPORT = {
    "run": "runs/one",
    "split": "test",
    "rows": 40,
    "text_only_rows": 3,
    "skipped_rows": ["a", "b"],
    "protocol": "as agreed",
    "negative_label": "None",
}


def scores(accuracy: float, precision: float, recall: float, f1: float, macro_f1: float) -> Scores:
    return Scores(
        rows=40,
        accuracy=accuracy,
        precision=precision,
        recall=recall,
        f1=f1,
        macro_f1=macro_f1,
        macro_relations=2,
        per_relation={
            "/per/per/peer": RelationScores(precision=0.125, recall=0.25, f1=0.1667, support=8, training_rows=21),
            "/per/org/member_of": RelationScores(precision=1.0, recall=0.75, f1=0.8571, support=20, training_rows=110),
        },
        by_training_rows=(),
    )


def test_the_table_gives_every_figure_in_percent_under_its_name() -> None:
    assert table(REPORT, scores(0.575, 0.6, 0.45, 0.5143, 0.3333)) == (
        "runs/one on test: 40 rows, 3 of them without a photo, 2 skipped\n"
        "protocol: as agreed\n"
        "figures leave out the relation 'None'\n"
        "\n"
        " accuracy  precision     recall   micro F1   macro F1\n"
        "    57.50      60.00      45.00      51.43      33.33\n"
        "\n"
        "relation                               P       R      F1   rows  trained on\n"
        "/per/org/member_of                100.00   75.00   85.71     20         110\n"
        "/per/per/peer                      12.50   25.00   16.67      8          21"
    )


def test_the_table_of_rows_without_relations_gives_no_figure() -> None:
    assert table(REPORT, None) == (
        "runs/one on test: 40 rows, 3 of them without a photo, 2 skipped\n"
        "protocol: as agreed\n"
        "figures leave out the relation 'None'\n"
        "no row has a relation: predictions only, no figures"
    )


def test_the_table_over_seeds_gives_the_mean_and_the_sample_deviation_in_percent() -> None:
    runs = [
        scores(0.70, 0.60, 0.40, 0.50, 0.31),
        scores(0.70, 0.64, 0.50, 0.60, 0.32),
        scores(0.70, 0.68, 0.60, 0.70, 0.36),
    ]
    assert seeds_table(over_seeds(runs), ["as agreed", "as agreed", "another"]) == (
        "mean and deviation over 3 runs\n"
        "protocol: another\n"
        "protocol: as agreed\n"
        "  accuracy   70.00 +- 0.00\n"
        " precision   64.00 +- 4.00\n"
        "    recall   50.00 +- 10.00\n"
        "        f1   60.00 +- 10.00\n"
        "  macro_f1   33.00 +- 2.65"
    )


def test_a_single_run_has_no_deviation() -> None:
    assert over_seeds([scores(0.7, 0.6, 0.4, 0.5, 0.3)])["f1"] == {"mean": 0.5, "deviation": 0.0}


def test_answers_of_an_older_version_may_be_replaced() -> None:
    older = Path(__file__).resolve().parents[2] / "data" / "older" / "predictions.jsonl"
    assert "gates" in json.loads(older.read_text().splitlines()[0])
    check_answers_place(older, "Name another.")
