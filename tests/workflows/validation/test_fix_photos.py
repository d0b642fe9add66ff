"""Photos come along with a repaired copy, and never take another one's place."""

import json
from pathlib import Path

from dgf.pipeline.photos import read_bytes
from support.command import dgf
from support.packed import write_tar

ROW = {"text": "Ann met Bo", "head": {"span": [0, 3]}, "tail": {"span": [8, 10]}, "relation": None}


def posts(folder: Path, *images: str) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / "posts.jsonl"
    path.write_text("".join(json.dumps({**ROW, "image": image}) + "\n" for image in images))
    return path


def test_a_photo_beside_which_the_copy_is_written_is_kept(tmp_path: Path) -> None:
    data, copy = posts(tmp_path / "data", "1.jpg", "2.jpg"), tmp_path / "copy"
    for name in ("1.jpg", "2.jpg"):
        (data.parent / name).write_bytes(name.encode())
    copy.mkdir()
    (copy / "2.jpg").write_bytes(b"another")
    refused = dgf("validate", data, "--photos", "exist", "--fix", copy / "fixed.jsonl")
    assert refused.code == 1 and f"{copy / '2.jpg'}: is another photo than {data.parent / '2.jpg'}" in refused.err
    assert "Give a folder of its own as --fix" in refused.err and (copy / "2.jpg").read_bytes() == b"another"

    (copy / "2.jpg").write_bytes(b"2.jpg")  # the same one is no matter
    done = dgf("validate", data, "--photos", "exist", "--fix", copy / "again.jsonl")
    assert done.code == 0, done.said
    assert (copy / "1.jpg").read_bytes() == b"1.jpg" and (copy / "1.jpg").samefile(data.parent / "1.jpg")


def test_a_tar_that_holds_photos_comes_along_whole(tmp_path: Path) -> None:
    data, copy = posts(tmp_path / "data", "p/photos.tar/1.jpg", "p/photos.tar/2.jpg"), tmp_path / "copy"
    (data.parent / "p").mkdir()
    write_tar(data.parent / "p" / "photos.tar", [("1.jpg", b"1"), ("2.jpg", b"2")])
    copy.mkdir()
    done = dgf("validate", data, "--photos", "exist", "--fix", copy / "fixed.jsonl")
    assert done.code == 0, done.said
    assert (copy / "p" / "photos.tar").read_bytes() == (data.parent / "p" / "photos.tar").read_bytes()


def test_a_tar_that_is_a_link_comes_along_as_a_file(tmp_path: Path) -> None:
    data, copy = posts(tmp_path / "data", "photos.tar/1.jpg"), tmp_path / "copy"
    write_tar(tmp_path / "data" / "0a1b", [("1.jpg", b"1")])
    (tmp_path / "data" / "photos.tar").symlink_to("0a1b")
    done = dgf("validate", data, "--photos", "exist", "--fix", copy / "fixed.jsonl")
    assert done.code == 0, done.said
    assert not (copy / "photos.tar").is_symlink() and read_bytes(copy, "photos.tar/1.jpg") == b"1"
