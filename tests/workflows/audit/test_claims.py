"""Printed figures held against confusion matrices: what is known of MNRE, and every matrix of small splits."""

from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dgf.pipeline.errors import UserError
from dgf.workflows.audit.claims import Feasibility, Matrix, SplitCounts, check_claims

ONLY = "1229 of 1614 is 76.15"


def claims(
    precision: str, recall: str, accuracy: str = "", f1: str = "", counts: SplitCounts | None = None
) -> Feasibility:
    given = {"precision": precision, "recall": recall, "accuracy": accuracy, "f1": f1}
    figures = {name: text for name, text in given.items() if text}
    return check_claims(figures) if counts is None else check_claims(figures, counts)


def test_mega_is_one_matrix_with_183_false_alarms() -> None:
    found = claims("64.51", "68.44", "76.15", "66.41")
    assert found.matrices == (
        Matrix(right=438, predicted=679, correct=1229, false_alarms=183, confused=58, missed=144),
    )
    assert (found.solutions, found.reasons) == (1, ())


def test_mega_without_its_accuracy_leaves_the_false_alarms_open() -> None:
    found = claims("64.51", "68.44")
    assert (found.ranges["right"], found.ranges["predicted"]) == ((438, 438), (679, 679))
    assert found.ranges["false_alarms"] == (39, 241)
    assert found.solutions == 203 and len(found.matrices) == 20


def test_ifaformer_is_one_matrix_without_a_false_alarm() -> None:
    found = claims("82.59", "80.78", "92.38")
    assert found.matrices == (Matrix(right=517, predicted=626, correct=1491, false_alarms=0, confused=109, missed=14),)


def test_the_papers_figures_have_no_matrix_and_would_need_another_accuracy() -> None:
    found = claims("84.35", "83.83", "84.25")
    assert not found.possible and found.accuracy is not None
    assert [round(100 * end, 2) for end in found.accuracy] == [87.42, 93.59]
    assert found.contradictions == (("recall",), ("accuracy",))
    assert "R 83.83: 536 of 640 is 83.75 and 537 of 640 is 83.91" in found.reasons
    assert "with this P and R the accuracy lies from 87.42 to 93.59" in found.reasons[-1]


def test_hvpnet_is_refused_by_its_precision_beside_its_recall_and_by_its_f1() -> None:
    found = claims("83.64", "80.78", f1="81.85")
    assert not found.possible and ("precision", "recall") in found.contradictions
    assert "517 of 618 predicted is 83.66 and 517 of 619 predicted is 83.52" in found.reasons[0]
    assert "F1 is their harmonic mean, from 82.18 to 82.19" in found.reasons[1]
    assert claims("83.64", "", f1="").possible and claims("", "80.78").possible


def test_an_accuracy_that_no_number_of_rows_gives() -> None:
    found = claims("64.51", "68.44", "76.16")
    assert found.contradictions == (("accuracy",),) and ONLY in found.reasons[0]


def test_figures_that_are_possible_alone_and_not_together() -> None:
    found = claims("64.51", "68.44", "85.50")
    assert found.contradictions == (("precision", "recall", "accuracy"),)
    assert "lies from 72.55 to 85.07" in found.reasons[0]


@pytest.mark.parametrize("text", ["", "a", "-1", "101", "nan", "1e1", "٨٤.٣٥", "84,35"])
def test_what_is_no_percentage_is_refused(text: str) -> None:
    with pytest.raises(UserError):
        check_claims({"precision": text, "recall": "50"})


def test_shares_in_place_of_percentages_are_refused() -> None:
    with pytest.raises(UserError, match="shares, not percentages"):
        claims("0.8435", "0.8383")


@pytest.mark.parametrize("counts", [SplitCounts(10, 0), SplitCounts(10, 11), SplitCounts(0, 0)])
def test_counts_that_make_no_split_are_refused(counts: SplitCounts) -> None:
    with pytest.raises(UserError, match="not a split"):
        claims("50", "50", counts=counts)


def test_more_decimals_decide_more() -> None:
    loose, exact = (claims(p, r, counts=SplitCounts(1614, 640)) for p, r in (("65", "68"), ("64.507", "68.438")))
    assert loose.solutions > exact.solutions > 0
    assert claims("64.508", "68.438").solutions == 0


def every_matrix(counts: SplitCounts) -> list[Matrix]:
    """All of them, by going through what may happen to rows with and without a relation."""
    return [
        Matrix(right, right + confused + alarms, right + counts.negatives - alarms, alarms, confused, missed)
        for right in range(counts.positives + 1)
        for confused in range(counts.positives - right + 1)
        for missed in [counts.positives - right - confused]
        for alarms in range(counts.negatives + 1)
    ]


def shares(matrix: Matrix, counts: SplitCounts) -> dict[str, Fraction]:
    predicted = matrix.predicted
    return {
        "precision": Fraction(matrix.right, predicted) if predicted else Fraction(0),
        "recall": Fraction(matrix.right, counts.positives),
        "accuracy": Fraction(matrix.correct, counts.rows),
        "f1": Fraction(2 * matrix.right, predicted + counts.positives),
    }


def rounded(share: Fraction, places: int, how: str) -> str:
    exact = Decimal(100 * share.numerator) / Decimal(share.denominator)
    return str(exact.quantize(Decimal(1).scaleb(-places), rounding=how))


SPLITS = st.integers(1, 9).flatmap(lambda rows: st.builds(SplitCounts, st.just(rows), st.integers(1, rows)))
FIGURES = st.sets(st.sampled_from(["precision", "recall", "accuracy", "f1"]), min_size=1)


@settings(max_examples=300, deadline=None)
@given(st.data(), SPLITS, FIGURES, st.integers(0, 3))
def test_solutions_are_those_that_going_through_all_matrices_finds(
    data: st.DataObject, counts: SplitCounts, names: set[str], places: int
) -> None:
    matrices = every_matrix(counts)
    how = data.draw(st.sampled_from([ROUND_HALF_EVEN, ROUND_HALF_UP]))
    texts = {}
    for name in sorted(names):  # each from a matrix of its own: most sets contradict, some do not
        drawn = data.draw(st.sampled_from(matrices if data.draw(st.booleans()) else matrices[:3]))
        texts[name] = rounded(shares(drawn, counts)[name], places, how)
    if all(float(text) <= 1 and "." in text for text in texts.values()):
        return  # taken for shares
    half = Fraction(1, 200 * 10**places)
    fitting = [
        matrix
        for matrix in matrices
        if all(abs(shares(matrix, counts)[name] - Fraction(text) / 100) <= half for name, text in texts.items())
    ]
    found = check_claims(texts, counts)
    assert found.solutions == len(fitting)
    assert set(found.matrices) <= set(fitting) and len(found.matrices) == min(20, len(fitting))
    for name, (low, high) in found.ranges.items():
        values = [getattr(matrix, name) for matrix in fitting]
        assert (min(values), max(values)) == (low, high)
    for wrong in found.contradictions:
        assert not check_claims({name: texts[name] for name in wrong}, counts).possible
    assert found.possible == (not found.contradictions) and found.possible == (not found.reasons)


@settings(max_examples=200, deadline=None)
@given(st.data(), SPLITS)
def test_the_accuracy_of_a_matrix_lies_where_its_precision_and_recall_put_it(
    data: st.DataObject, counts: SplitCounts
) -> None:
    matrix = data.draw(st.sampled_from(every_matrix(counts)))
    real = shares(matrix, counts)
    texts = {name: rounded(real[name], 2, ROUND_HALF_EVEN) for name in ("precision", "recall")}
    if all(float(text) <= 1 for text in texts.values()):
        return
    between = check_claims(texts, counts).accuracy
    assert between is not None
    assert between[0] - 1e-12 <= float(real["accuracy"]) <= between[1] + 1e-12


def test_the_accuracy_is_highest_where_as_many_relations_are_predicted_as_there_are() -> None:
    """No whole number of 7 rows is 50 percent; of shares of rows, 3.5 right of 7 predicted leave no row missed."""
    between = claims("50.0000", "50", counts=SplitCounts(14, 7)).accuracy
    assert between is not None
    assert between == (pytest.approx(0.5, abs=1e-4), pytest.approx(0.75, abs=1e-4))
