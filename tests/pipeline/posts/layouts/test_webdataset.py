"""Samples of tar files become posts, whose photos lie in the tar; each fault is told with its member."""

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from dgf.pipeline.errors import UserError
from dgf.pipeline.photos import find_photos, read_bytes
from dgf.pipeline.posts import Dataset, are_part_of, find_dataset, read_dataset
from support.packed import photo_bytes, write_tar

SPANS = {"head": {"span": [0, 3]}, "tail": {"span": [8, 10]}}
POST = {"text": "Ann met Bo", **SPANS}
MNRE = {"token": ["Ann", "met"], "h": {"name": "Ann", "pos": [0, 1]}, "t": {"name": "met", "pos": [1, 2]}}


def sample(key: str, post: Any = POST, photo: bytes | None = b"P") -> list[tuple[str, bytes | None]]:
    data = post if isinstance(post, bytes) else json.dumps(post).encode()
    return [(f"{key}.json", data), *([] if photo is None else [(f"{key}.jpg", photo)])]


def faults(dataset: Dataset) -> dict[str, str]:
    return {str(fault.file.relative_to(dataset.image_root)): fault.message for fault in dataset.faults}


def test_a_sample_is_a_post_with_its_photo(tmp_path: Path) -> None:
    members = [
        *sample("a/1", {**POST, "id": "mine", "relation": "peer"}),
        *sample("2", {**MNRE, "img_id": "17.jpg", "relation": "None"}, b"Q")[::-1],
        *sample("3", SPANS, None),
        ("3.txt", b"Ann met Bo\n"),
        *sample("4", {**POST, "image": "a/1.jpg"}, None),
        *sample("5", {**MNRE}, None),
        ("README.md", b"not of a sample"),
    ]
    dataset = read_dataset(write_tar(tmp_path / "posts.tar", members))
    assert (dataset.layout, list(dataset.splits), dataset.image_root) == ("webdataset", ["posts"], tmp_path)
    assert [(post.id, post.image_ids, post.relation) for post in dataset.posts] == [
        ("mine", ("posts.tar/a/1.jpg",), "peer"),
        ("posts:2", ("posts.tar/2.jpg",), "None"),
        ("posts:3", (), None),
        ("posts:4", ("posts.tar/a/1.jpg",), None),
        ("posts:5", (), None),
    ]
    assert dataset.posts[2].tokens == ("Ann", "met", "Bo")
    assert find_photos(dataset).found == ("posts.tar/a/1.jpg", "posts.tar/2.jpg")
    assert [read_bytes(tmp_path, name) for name in find_photos(dataset).found] == [b"P", b"Q"]


def test_every_fault_names_the_member(tmp_path: Path) -> None:
    members = [
        *sample("1", {**POST, "head": {"span": [0, 99]}}),
        *sample("2", b"{"),
        *sample("3", b"[]"),
        *sample("4", b"\xff{}"),
        *sample("5", b" " * 70_000),
        ("6.jpg", b"P"),
        *sample("7"),
        ("7.png", b"P"),
        ("8.json", None),
        *sample("9", {**POST, "id": "posts:7"}),
        *sample("10"),
    ]
    dataset = read_dataset(write_tar(tmp_path / "posts.tar", members), on_error="skip")
    assert [post.id for post in dataset.posts] == ["posts:7", "posts:10"]
    told = faults(dataset)
    assert told == {
        "posts.tar/1.json": "head span [0, 99) is out of range: the post has 10 characters",
        "posts.tar/2.json": "not JSON: Expecting property name enclosed in double quotes at column 2",
        "posts.tar/3.json": "a post must be an object, not []",
        "posts.tar/4.json": "4.json is not UTF-8 (byte 0xff at 0)",
        "posts.tar/5.json": "5.json is longer than 65536 bytes",
        "posts.tar/6.jpg": "there is no 6.json beside it",
        "posts.tar/7.png": "7.jpg is there, too: a sample has one photo",
        "posts.tar/8.json": "a link, which is not followed",
        "posts.tar/9.json": "id 'posts:7' is taken by an earlier row",
    }


def test_a_tar_that_is_cut_short_is_a_fault(tmp_path: Path) -> None:
    whole = write_tar(tmp_path / "posts.tar", [*sample("1"), *sample("2", photo=b"Q" * 3000)]).read_bytes()
    (tmp_path / "posts.tar").write_bytes(whole[:5000])
    dataset = read_dataset(tmp_path / "posts.tar", on_error="skip")
    assert [post.id for post in dataset.posts] == ["posts:1", "posts:2"]
    assert faults(dataset)["posts.tar"].startswith("damaged or cut short after 4 members")


def test_tars_of_a_folder_are_its_splits(tmp_path: Path) -> None:
    for name in ("train-000.tar", "train-001.tar", "val.tar", ".hidden.tar"):
        write_tar(tmp_path / name, sample("1", photo=photo_bytes()))
    found = find_dataset(tmp_path)
    assert found.files == {"train": tmp_path / "train-*.tar", "val": tmp_path / "val.tar"}
    dataset = read_dataset(tmp_path)
    assert [post.id for post in dataset.posts] == ["train-000:1", "train-001:1", "val:1"]
    assert find_photos(dataset).found == ("train-000.tar/1.jpg", "train-001.tar/1.jpg", "val.tar/1.jpg")
    write_tar(tmp_path / "train_0.tar", sample("2"))
    with pytest.raises(UserError, match=r"two sets of files for the split train: train-\*\.tar and train_\*\.tar"):
        find_dataset(tmp_path)


def test_a_pattern_is_one_split(tmp_path: Path) -> None:
    for number in range(4):
        write_tar(tmp_path / f"shard-{number:03d}.tar", sample("1", {**POST, "split": "dev" if number else None}))
    dataset = read_dataset(tmp_path / "shard-{000..002}.tar")
    assert {split: [post.id for post in posts] for split, posts in dataset.splits.items()} == {
        "shard": ["shard-000:1"],
        "val": ["shard-001:1", "shard-002:1"],
    }
    assert len(read_dataset(tmp_path / "shard-*.tar").posts) == 4
    with pytest.raises(UserError, match=r"shard-004\.tar is not there"):
        read_dataset(tmp_path / "shard-{000..004}.tar")
    with pytest.raises(UserError, match=r"posts\.tar: no such file"):
        read_dataset(tmp_path / "posts.tar")


def test_splits_whose_names_begin_alike_are_apart(tmp_path: Path) -> None:
    for name in ("posts-000", "posts-001", "posts-test-000", "posts-test-001"):
        write_tar(tmp_path / f"{name}.tar", sample("1"))
    splits = read_dataset(tmp_path).splits
    assert {split: [post.id for post in posts] for split, posts in splits.items()} == {
        "posts": ["posts-000:1", "posts-001:1"],
        "posts-test": ["posts-test-000:1", "posts-test-001:1"],
    }


def test_posts_whose_key_holds_a_dot_are_faults(tmp_path: Path) -> None:
    members = [*sample("1"), ("1.boxes.json", b"[]"), *sample("2.5"), ("3.meta.txt", b"-")]
    dataset = read_dataset(write_tar(tmp_path / "posts.tar", members), on_error="skip")
    assert [post.id for post in dataset.posts] == ["posts:1"]
    assert faults(dataset) == {"posts.tar/2.5.json": "is no post: a key ends at the first dot, and there is no 2.json"}
    assert [warning.message for warning in dataset.warnings] == [
        "1 members such as 1.boxes.json are not read: a key ends at the first dot"
    ]
    with pytest.raises(UserError, match=r"posts\.tar/2\.5\.json: is no post"):
        read_dataset(write_tar(tmp_path / "posts.tar", sample("2.5")))


def test_members_whose_names_are_no_text_are_faults_on_one_line(tmp_path: Path) -> None:
    members = [*sample("\udcff", photo=None), *sample("1\n2: \x1b[1m", b"{", None), *sample("3")]
    dataset = read_dataset(write_tar(tmp_path / "posts.tar", members, form=tarfile.GNU_FORMAT), on_error="skip")
    assert [post.id for post in dataset.posts] == ["posts:3"]
    assert [str(fault).removeprefix(f"{tmp_path}/posts.tar/") for fault in dataset.faults] == [
        r"\udcff.json: the name of its member holds half a surrogate pair: 'posts:\udcff'",
        r"1\n2: \x1b[1m.json: not JSON: Expecting property name enclosed in double quotes at column 2",
    ]


def test_what_holds_no_sample_is_told(tmp_path: Path) -> None:
    write_tar(tmp_path / "photos.tar", [("notes.md", b"-")])
    with pytest.raises(UserError, match=r"photos\.tar: holds no sample: none of its members ends in \.json"):
        read_dataset(tmp_path / "photos.tar")
    (tmp_path / "posts.tar").write_bytes(b"\x1f\x8b" + bytes(900))
    with pytest.raises(UserError, match=r"posts\.tar: not a tar file .*; it is gzip data"):
        read_dataset(tmp_path / "posts.tar")


def test_lines_may_name_photos_in_a_tar_beside(tmp_path: Path) -> None:
    write_tar(tmp_path / "photos.tar", [("1.jpg", b"P")])
    (tmp_path / "train.jsonl").write_text(json.dumps({**POST, "image": "photos.tar/1.jpg"}))
    dataset = read_dataset(tmp_path)
    assert dataset.layout == "jsonl" and find_photos(dataset).found == ("photos.tar/1.jpg",)


def test_files_of_a_data_set_are_part_of_it_whichever_way_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        write_tar(tmp_path / f"shard-{number:03d}.tar", sample(str(number)))
    monkeypatch.chdir(tmp_path)
    data = tmp_path / "shard-{000..002}.tar"
    for part in (
        "shard-{000..002}.tar",
        "shard-001.tar",
        "shard-{000..001}.tar",
        "../" + tmp_path.name + "/shard-000.tar",
    ):
        assert are_part_of(Path(part), data) and are_part_of(Path(part), tmp_path), part
        assert are_part_of(tmp_path / part, Path("shard-*.tar"))
    for other in ("shard-003.tar", "shard-*.tar", "shard-{002..003}.tar", "shard-{002..004}.tar", "gone-*.tar"):
        assert not are_part_of(Path(other), data), other
    assert not are_part_of(tmp_path, data) and not are_part_of(Path("-"), data)
