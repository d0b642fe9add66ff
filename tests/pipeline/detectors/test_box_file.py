"""Boxes of the user's: read strictly, a fault by its line, and found by any name of a photo."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dgf.pipeline.detectors import BoxFile, FoundFaultError, digest_of_boxes, read_boxes
from dgf.pipeline.errors import UserError
from dgf.pipeline.jobs.given import check_boxes
from dgf.pipeline.shards import Photo

GOOD: dict[str, Any] = {"image_id": "train/a.jpg", "boxes": [[1, 2, 30.5, 40], [0, 0, 5, 5]]}


def written(path: Path, *rows: object) -> Path:
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


def of(tmp_path: Path, *rows: object) -> BoxFile:
    return read_boxes(written(tmp_path / "boxes.jsonl", *rows))


def test_boxes_stand_as_in_the_file_and_by_score_where_there_are_scores(tmp_path: Path) -> None:
    scored = {**GOOD, "image_id": "b.jpg", "labels": ["a  man", "his dog"], "scores": [0.25, 1]}
    file = of(tmp_path, {**GOOD, "image_id": "./train//a.jpg"}, scored, {"image_id": "c.jpg", "boxes": []})
    plain, by_score, none = (file.photos[name] for name in ("train/a.jpg", "b.jpg", "c.jpg"))
    assert plain.boxes.tolist() == [[1, 2, 30.5, 40], [0, 0, 5, 5]] and plain.boxes.dtype == np.float32
    assert plain.scores.tolist() == [1, 1] and plain.labels == ("", "")
    assert by_score.boxes.tolist() == plain.boxes[::-1].tolist() and by_score.scores.tolist() == [1, 0.25]
    assert by_score.labels == ("his dog", "a man") and file.labels == ("a man", "his dog")
    assert none.boxes.shape == (0, 4) and [one.line for one in (plain, by_score, none)] == [1, 2, 3]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"boxes": None}, "boxes must be a list"),
        ({"boxes": [[1, 2, 3]]}, "boxes must be a list"),
        ({"boxes": [[1, 2, 3, 4], [1, 2, 3]]}, "boxes must be a list"),
        ({"boxes": [[1, 2, 3, "4"]]}, "boxes must be a list"),
        ({"boxes": [[True, False, True, True]]}, "boxes must be a list"),
        ({"boxes": [[0, 0, True, 5]]}, "boxes must be a list"),
        ({"scores": [0.5, True]}, "scores must be a list"),
        ({"boxes": [[1, 2, 1, 4]]}, "x1 < x2"),
        ({"boxes": [[5, 2, 1, 4]]}, "x0 <= x1"),
        ({"boxes": [[0, 0, 1e300, 4]]}, "x1 < x2"),
        ({"boxes": [[0, 0, 10**30, 4]]}, "boxes must be a list|integer of over"),
        ({"labels": ["a"]}, "labels must be a list of 2"),
        ({"labels": ["a", " "]}, "a label is empty"),
        ({"labels": ["a", 3]}, "a label must be a string"),
        ({"labels": "ab"}, "labels must be a list of 2"),
        ({"scores": [1]}, "scores: 1 numbers for 2"),
        ({"scores": [0.5, 1.5]}, "between 0 and 1"),
        ({"scores": ["a", "b"]}, "scores must be"),
        ({"image_id": ""}, "image_id is empty"),
        ({"image_id": 3}, "image_id must be a string"),
        ({"image": "a.jpg"}, "unknown key 'image'"),
    ],
)
def test_a_fault_is_named_with_its_line(tmp_path: Path, change: dict[str, Any], fault: str) -> None:
    with pytest.raises(UserError, match=rf"boxes\.jsonl:2: .*({fault})"):
        of(tmp_path, {**GOOD, "image_id": "other.jpg"}, {**GOOD, **change})


def test_all_faults_come_together(tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        of(tmp_path, GOOD, "{oops", GOOD, "[1]", '{"image_id": "x", "boxes": [[NaN, 0, 1, 1]]}')
    said = str(error.value)
    assert "4 faults" in said and "boxes.jsonl:3: a second line of train/a.jpg, the first is 1" in said
    assert "boxes.jsonl:2: not JSON" in said and '"labels"' in said
    with pytest.raises(UserError, match="holds no boxes"):
        of(tmp_path, "")
    with pytest.raises(UserError, match=r"nowhere\.jsonl"):
        read_boxes(tmp_path / "nowhere.jsonl")
    with pytest.raises(UserError, match=r"--boxes .*nowhere\.jsonl cannot be read"):
        digest_of_boxes(tmp_path / "nowhere.jsonl")


def test_a_photo_is_found_by_any_of_its_names_and_boxes_end_at_its_edges(tmp_path: Path) -> None:
    file = of(tmp_path, {"image_id": "val/a.jpg", "boxes": [[-3, 10, 90, 20]]})
    found = file.find(("train/a.jpg", "val/a.jpg"), (50, 80))  # height, width
    assert found is not None and found.boxes.tolist() == [[0, 10, 80, 20]]
    assert file.find(("train/a.jpg",), (50, 80)) is None


@pytest.mark.parametrize("box", [[80, 0, 90, 10], [0, 50, 10, 60], [-9, 0, 0, 10], [0, -5, 10, 0]])
def test_a_box_outside_its_photo_is_a_fault(tmp_path: Path, box: list[int]) -> None:
    file = of(tmp_path, {"image_id": "a.jpg", "boxes": [[0, 0, 1, 1], box]})
    with pytest.raises(FoundFaultError, match="lies outside the photo, of 80 x 50 pixels") as error:
        file.find(("a.jpg",), (50, 80))
    assert error.value.line == 1


def test_lines_of_one_photo_under_two_names_must_agree(tmp_path: Path) -> None:
    same = of(tmp_path, *({**GOOD, "image_id": name} for name in ("a.jpg", "b.jpg", "c.jpg")))
    assert same.find(("a.jpg", "b.jpg"), (50, 80)) is not None
    assert check_boxes(same, [Photo("a.jpg", "", (50, 80), 0, ("b.jpg",)), Photo("d.jpg", "", (50, 80), 0)]) == (1, 1)
    for change in ({"boxes": [[0, 0, 9, 9]]}, {"labels": ["x", "y"]}, {"scores": [1, 0.9]}):
        file = of(tmp_path, {**GOOD, "image_id": "a.jpg"}, {**GOOD, **change, "image_id": "b.jpg"})
        with pytest.raises(FoundFaultError, match="other boxes, labels or scores than in line 1"):
            file.find(("a.jpg", "b.jpg"), (50, 80))
