"""What a missing photo was likely meant to be."""

from pathlib import Path

import pytest

from dgf.pipeline.photos import NearPhotos, searched_folders
from dgf.pipeline.posts import Dataset


def near(root: Path, *names: str, folder: str = ".") -> NearPhotos:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    return NearPhotos(Dataset(root, root / folder, {}, ()))


@pytest.mark.parametrize("given", ["P/A.JPG", "a.jpg", "q/a.jpg", "p\\a.jpg", "p/a.png", "p/a.jpeg"])
def test_case_folder_slashes_and_ending_are_seen_through(tmp_path: Path, given: str) -> None:
    assert near(tmp_path, "p/a.jpg").nearest([given]) == "p/a.jpg"


def test_the_file_with_most_folders_alike_is_named(tmp_path: Path) -> None:
    found = near(tmp_path, "imgSG/train/p0.jpg", "imgSG/test/p0.jpg", folder="img_org").nearest(["train/p0.jpg"])
    assert found == str(tmp_path / "imgSG/train/p0.jpg")


def test_nothing_like_it_is_none(tmp_path: Path) -> None:
    assert near(tmp_path, "p/a.jpg", "notes.txt").nearest(["b.jpg", "notes.md"]) is None


def test_the_folders_searched_are_those_of_the_ids(tmp_path: Path) -> None:
    dataset = Dataset(tmp_path, tmp_path / "img", {}, ())
    assert searched_folders(dataset, ["train/a.jpg", "val/a.jpg"]) == f"{tmp_path}/img/train, {tmp_path}/img/val"
