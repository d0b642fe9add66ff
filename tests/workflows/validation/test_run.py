import json
from pathlib import Path
from typing import Any

import pytest

from dgf.cli.validate import validation_table
from dgf.pipeline.errors import UserError
from dgf.workflows.validation.run import Validation
from dgf.workflows.validation.run import validate as validate_settings
from dgf.workflows.validation.settings import ValidateSettings


def validate(data: Path, **how: Any) -> Validation:
    return validate_settings(ValidateSettings(data, **how))


@pytest.fixture(scope="module")
def mnre(shared_dir: Path) -> Validation:
    return validate(shared_dir / "mnre", photos="exist")


def test_mnre_counts_are_those_of_facts(mnre: Validation) -> None:
    splits = [mnre.splits[name] for name in ("train", "val", "test")]
    assert [facts.rows for facts in splits] == [12247, 1624, 1614]
    assert [facts.sentences for facts in splits] == [7330, 931, 914]
    assert [facts.images for facts in splits] == [7356, 931, 914]
    assert [facts.overlapping for facts in splits] == [59, 3, 5]
    assert [facts.entity_at_end for facts in splits] == [104, 16, 14]
    assert [facts.disagreeing for facts in splits] == [27, 0, 0]
    assert mnre.shared_sentences == (("train", "val", 5), ("train", "test", 2), ("val", "test", 1))
    assert mnre.faults == ()


def test_mnre_relations_per_split_are_those_of_facts(mnre: Validation, shared_dir: Path) -> None:
    table = [line.split("|")[1:6] for line in (shared_dir / "mnre" / "FACTS.md").read_text().splitlines()]
    rows = sorted(
        (int(row[0]), row[1].split()[0], *map(int, row[2:5])) for row in table if row and row[0].strip().isdigit()
    )
    assert len(rows) == 23
    names = list(mnre.splits["train"].relations)
    assert names == [row[1] for row in rows]
    for number, split in enumerate(("train", "val", "test")):
        assert list(mnre.splits[split].relations.values()) == [row[2 + number] for row in rows]


def test_missing_photos_are_listed_and_recorded_as_failures(mnre: Validation) -> None:
    assert len(mnre.bad_photos) == 9201 and {photo.reason for photo in mnre.bad_photos} == {"no such file"}
    assert sum(len(photo.posts) for photo in mnre.bad_photos) == 15485
    assert mnre.exit_code == 3
    assert "... and 9181 more" in validation_table(mnre)


def test_sample_has_every_photo(shared_dir: Path) -> None:
    found = validate(shared_dir / "mnre-sample", photos="pixels")
    assert sum(facts.images_found for facts in found.splits.values()) == 39
    assert found.exit_code == 0 and found.bad_photos == ()


def test_faults_decide_the_exit_code_and_are_all_listed(tmp_path: Path) -> None:
    good = {"tokens": ["a", "b"], "head": {"span": [0, 1]}, "tail": {"span": [1, 2]}}
    lines = [json.dumps(good), *["{broken"] * 30]
    (tmp_path / "posts.jsonl").write_text("\n".join(lines))
    stop, skip = (validate(tmp_path / "posts.jsonl", on_error=mode) for mode in ("stop", "skip"))
    assert (stop.exit_code, skip.exit_code) == (1, 3)
    assert validation_table(stop).count("posts.jsonl:") == 30 and "posts.jsonl:31: not JSON" in validation_table(stop)
    assert [fault["line"] for fault in stop.to_json()["faults"]] == list(range(2, 32))
    assert stop.splits["posts"].relations == {"(no relation given)": 1}


def test_broken_photos_are_found_as_far_as_asked(tmp_path: Path) -> None:
    from PIL import Image

    Image.new("RGB", (64, 64), "red").save(tmp_path / "whole.png")
    data = (tmp_path / "whole.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(data[:60])
    (tmp_path / "text.png").write_text("no picture")
    post = {"tokens": ["a", "b"], "head": {"span": [0, 1]}, "tail": {"span": [1, 2]}}
    names = ["whole.png", "cut.png", "text.png", "gone.png", "../out.png", None]
    (tmp_path / "test.jsonl").write_text("\n".join(json.dumps({**post, "image": name}) for name in names))
    bad = {
        mode: {photo.image_id: photo.reason for photo in validate(tmp_path, photos=mode).bad_photos}
        for mode in ("exist", "header", "pixels")
    }
    assert set(bad["exist"]) == {"gone.png", "../out.png"}
    assert set(bad["header"]) == {"gone.png", "../out.png", "text.png"}
    assert bad["pixels"]["cut.png"] == "truncated" and bad["pixels"]["../out.png"] == "leads outside the data folder"
    assert validate(tmp_path).splits["test"].without_image == 1


def test_no_data_set_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no posts found"):
        validate(tmp_path)


def test_a_layout_of_which_no_copy_is_made_is_told_before_anything_is_read(tmp_path: Path) -> None:
    (tmp_path / "posts.csv").write_text("text,head,tail,image\nAnn met Bo,Ann,Bo,1.jpg\n")
    seen: list[None] = []
    settings = ValidateSettings(tmp_path / "posts.csv", fix=tmp_path / "copy.jsonl")
    with pytest.raises(UserError, match="of the layout table no copy is made"):
        validate_settings(settings, on_photo=lambda: seen.append(None))
    assert seen == [] and not (tmp_path / "copy.jsonl").exists()


def test_the_copy_of_a_file_has_the_photos_that_lie_above_it(tmp_path: Path) -> None:
    from PIL import Image

    mentions = {"h": {"name": "a", "pos": [0, 1]}, "t": {"name": "b", "pos": [1, 2]}}
    for folder in ("txt", "img_org/test"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "txt" / "ours_test.txt").write_text(repr({"token": ["a", "b"], **mentions, "img_id": "1.png"}))
    Image.new("RGB", (8, 8)).save(tmp_path / "img_org" / "test" / "1.png")
    copy = tmp_path / "copy" / "posts.jsonl"
    found = validate(tmp_path / "txt" / "ours_test.txt", fix=copy)
    assert found.layout == "mnre" and found.repair is not None and found.repair.photos == 1
    assert validate(copy, layout="mnre").exit_code == 0
