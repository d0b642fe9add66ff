import numpy as np
import pytest

from dgf.workflows.scoring import AnsweredRows, Slice, count_confusion, score, slice_scores

RELATIONS = ("none of these", "a", "b", "c")
COUNTED = np.array([False, True, True, True])
TRAINING = {"none of these": 5000, "a": 700, "b": 8}


def rows_of(count: int = 400, photo: float = 0.5) -> AnsweredRows:
    generator = np.random.default_rng(0)
    gold = generator.integers(0, 3, count)
    predicted = np.where(generator.random(count) < 0.7, gold, generator.integers(0, 3, count))
    shown = generator.random(count) < photo
    return AnsweredRows(gold, predicted, np.arange(count) // 2, generator.integers(4, 31, count), shown)


def found(rows: AnsweredRows) -> dict[tuple[str, str], Slice]:
    return {(s.by, s.value): s for s in slice_scores(rows, RELATIONS, COUNTED, TRAINING)}


def test_rows_with_and_without_a_photo_have_figures_of_their_own() -> None:
    rows = rows_of()
    slices = found(rows)
    for value, mask in (("with", rows.photo), ("without", ~rows.photo)):
        expected = score(rows.gold[mask], rows.predicted[mask], RELATIONS, 0)
        part = slices["photo", value]
        assert (part.rows, part.support) == (mask.sum(), (rows.gold[mask] > 0).sum())
        assert (part.accuracy, part.f1) == pytest.approx((expected.accuracy, expected.f1), abs=1e-12)
        assert part.interval is not None and part.interval[0] < part.f1 < part.interval[1]


def test_sentences_are_sliced_by_their_words() -> None:
    rows = rows_of()
    slices = found(rows)
    bands = {"1-10": (1, 10), "11-15": (11, 15), "16-20": (16, 20), "21-25": (21, 25), "26+": (26, 99)}
    assert [value for by, value in slices if by == "words"] == list(bands)
    for value, (low, high) in bands.items():
        assert slices["words", value].rows == ((rows.words >= low) & (rows.words <= high)).sum()
    assert sum(part.rows for (by, _), part in slices.items() if by == "words") == len(rows.gold)


def test_relations_are_sliced_by_their_training_rows() -> None:
    rows = rows_of()
    slices = found(rows)
    bands = score(rows.gold, rows.predicted, RELATIONS, 0, TRAINING).by_training_rows
    assert [band.training_rows for band in bands] == ["0-9", "500-999"], "the negative label is in no band"
    for band in bands:
        part = slices["training rows", band.training_rows]
        assert part.f1 == band.f1 and part.rows == part.support == band.support
    alone = rows.gold == 1
    assert slices["training rows", "500-999"].accuracy == pytest.approx((rows.predicted == 1)[alone].mean())


def test_a_division_that_divides_nothing_is_left_out() -> None:
    assert not [by for by, _ in found(rows_of(photo=1.0)) if by == "photo"]


def test_a_part_of_few_sentences_has_no_interval() -> None:
    slices = found(rows_of(40))
    assert all(part.interval is None for part in slices.values() if part.rows < 20 and part.by != "training rows")


def test_confusion_counts_gold_down_and_predictions_across() -> None:
    confusion = count_confusion(np.array([0, 0, 3, 3, 3]), np.array([0, 3, 3, 0, 0]), RELATIONS)
    assert confusion.relations == ("none of these", "c")
    assert confusion.counts == ((1, 1), (2, 1))
