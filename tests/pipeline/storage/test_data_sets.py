"""Posts and photos at an address: fetched, and nothing that a name says leads out of the copy."""

import json
import os
from pathlib import Path

import pytest

from dgf.pipeline.errors import UserError
from dgf.pipeline.files import file_digest
from dgf.pipeline.photos import MAX_BYTES, digest, find_photos, read_bytes
from dgf.pipeline.posts import Dataset, read_dataset
from dgf.pipeline.storage.address import Address
from dgf.pipeline.storage.mirror import name_addresses
from dgf.pipeline.storage.photos import bring_named, bring_planned, photos_address
from dgf.pipeline.storage.posts import bring_posts
from dgf.pipeline.storage.remote import Remote, RemoteFile
from support.other_machine import Machines
from support.packed import photo_bytes, write_tar
from support.posts_of import posts_of
from support.small_world import write_posts
from support.tiny_job import paint


@pytest.fixture
def machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machines:
    return Machines(tmp_path, monkeypatch)


def brought(machines: Machines, name: str) -> Dataset:
    source = machines.address(name)
    dataset = read_dataset(bring_posts(source))
    return bring_named(photos_address(source, dataset), dataset)


def shown(machines: Machines, *image_ids: str) -> Dataset:
    """A file of posts that show these."""
    machines.there("data").mkdir(parents=True, exist_ok=True)
    posts_of(machines.there("data"), image_ids)
    return brought(machines, "data/posts.jsonl")


def test_a_folder_is_read_as_it_is_there(machines: Machines) -> None:
    write_posts_there(machines)
    there, here = read_dataset(machines.there("mnre")), brought(machines, "mnre")
    assert here.splits == there.splits and here.relations == there.relations
    assert find_photos(here) == find_photos(there)
    assert here.image_root != there.image_root


def test_only_photos_that_posts_name_are_fetched(machines: Machines) -> None:
    write_posts_there(machines)
    paint(machines.there("mnre"), 3)
    for name in ("model.safetensors", "weights.tar.gz", "photos.gz"):
        (machines.there("mnre") / name).write_bytes(b"x")
    brought(machines, "mnre")
    assert machines.copies("photo-*") == machines.copies("*.safetensors") == machines.copies("*.gz") == []


def test_what_changed_there_is_fetched_again_and_what_is_gone_is_gone(machines: Machines) -> None:
    write_posts_there(machines)
    brought(machines, "mnre")
    there = machines.there("mnre")
    (there / "train-0.png").write_bytes((there / "train-1.png").read_bytes())
    os.utime(there / "train-0.png", (1, 1))
    (there / "train-1.png").unlink()
    (there / "test.jsonl").unlink()
    here = brought(machines, "mnre")
    assert "test" not in here.splits
    assert file_digest(here.image_root / "train-0.png") == file_digest(there / "train-0.png")
    assert find_photos(here).missing == ("train-1.png",)


def test_what_is_the_same_is_not_fetched_again(machines: Machines) -> None:
    write_posts_there(machines)
    here = brought(machines, "mnre")
    before = (here.image_root / "train-0.png").stat().st_ino
    brought(machines, "mnre")
    assert (here.image_root / "train-0.png").stat().st_ino == before


@pytest.mark.parametrize("name", ["../secret.jpg", "a/../../secret.jpg", "file:///etc/passwd", "/etc/passwd"])
def test_a_name_that_leads_elsewhere_is_not_fetched(machines: Machines, name: str) -> None:
    machines.there("data").mkdir(parents=True)
    paint(machines.there("data").parent, 1)
    (machines.there("photo-0000.jpg")).rename(machines.there("secret.jpg"))
    found = find_photos(shown(machines, name, "none.jpg"))
    assert found.found == () and found.missing == ("none.jpg",) and len(found.refused) == 1
    assert machines.copies("*.jpg") == machines.copies("passwd") == []


def test_names_that_no_file_can_have_are_photos_that_are_missing(machines: Machines) -> None:
    paint(machines.there("data"), 1)
    found = find_photos(shown(machines, "photo-0000.jpg", "x" * 300 + ".jpg", "photo-0000.jpg/inside.jpg"))
    assert found.found == ("photo-0000.jpg",)


def test_a_file_of_posts_has_its_photos_beside_it(machines: Machines) -> None:
    names = paint(machines.there("data"), 3)
    assert find_photos(shown(machines, names[0], names[2])).found == (names[0], names[2])
    assert machines.copies("*.jpg") == [names[0], names[2]]


def test_a_huge_file_is_not_fetched_whole(machines: Machines) -> None:
    machines.there("data").mkdir(parents=True)
    with (machines.there("data") / "huge.jpg").open("wb") as file:
        file.truncate(MAX_BYTES + 4096)
    here = shown(machines, "huge.jpg")
    assert (here.image_root / "huge.jpg").stat().st_size == MAX_BYTES + 1


def test_a_worker_fetches_what_is_not_as_planned(machines: Machines) -> None:
    names = paint(machines.there("data"), 2)
    address = machines.address("data")
    planned = {name: file_digest(machines.there("data") / name) for name in names}
    here = bring_planned(address, {**planned, "gone.jpg": "0" * 64})
    (here / names[0]).write_bytes(b"stale")
    bring_planned(address, planned)
    assert {name: file_digest(here / name) for name in names} == planned
    assert not (here / "gone.jpg").exists()


@pytest.mark.parametrize("data", ["packed", "packed/posts.jsonl"])
def test_packed_photos_are_fetched_with_the_file_that_holds_them(machines: Machines, data: str) -> None:
    there = machines.there("packed")
    (there / "photos").mkdir(parents=True)
    photos = {f"{number}.png": photo_bytes(number) for number in range(3)}
    write_tar(there / "photos" / "all.tar", photos.items())
    ids = [f"photos/all.tar/{name}" for name in photos]
    posts_of(there, [*ids, "photos/all.tar/none.png", "photos/none.tar/0.png"])
    if data == "packed":
        (there / "posts.jsonl").rename(there / "train.jsonl")
    here = brought(machines, data)
    assert find_photos(here).found == tuple(ids)
    assert not (here.image_root / "photos" / "none.tar").exists()

    # by a worker of another machine, which knows the plan alone
    machines.change()
    planned = {image_id: digest(data) for image_id, data in zip(ids, photos.values(), strict=True)}
    root = bring_planned(machines.address("packed"), {**planned, "photos/none.tar/0.png": "0" * 64})
    assert {image_id: digest(read_bytes(root, image_id)) for image_id in ids} == planned
    assert not (root / "photos" / "none.tar").exists()
    before = (root / "photos" / "all.tar").stat().st_ino
    bring_planned(machines.address("packed"), planned)
    assert (root / "photos" / "all.tar").stat().st_ino == before


def test_posts_in_tars_are_fetched_with_them(machines: Machines) -> None:
    machines.there("shards").mkdir(parents=True)
    post = {
        "tokens": ["Ann", "met", "Bob"],
        "head": {"span": [0, 1]},
        "tail": {"span": [2, 3]},
        "relation": "/per/per/peer",
    }
    members = [("0.json", json.dumps(post).encode()), ("0.png", photo_bytes())]
    write_tar(machines.there("shards") / "train.tar", members)
    for data in ("shards", "shards/train.tar"):
        found = find_photos(brought(machines, data))
        assert found.found == ("train.tar/0.png",) and not found.missing


def test_a_folder_may_be_called_as_a_table(machines: Machines) -> None:
    parts = machines.there("spark") / "train.parquet"
    parts.mkdir(parents=True)
    (parts / "part-0.parquet").write_bytes(b"x")
    for _ in range(2):  # the second time it is here
        assert (bring_posts(machines.address("spark")) / "train.parquet" / "part-0.parquet").is_file()
    (parts / "part-0.parquet").unlink()
    parts.rmdir()
    parts.write_bytes(b"a table now")
    with pytest.raises(UserError, match=r"its copy here has files where it has folders now") as raised:
        bring_posts(machines.address("spark"))
    assert str(machines.cache) in str(raised.value.hint)


def test_a_name_of_a_file_and_a_folder_is_told(machines: Machines, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = dict.fromkeys(("train.jsonl", "train.jsonl/x.jpg"), RemoteFile(1, 0.0))  # S3 has both
    monkeypatch.setattr(Remote, "list", lambda self: keys)
    with pytest.raises(UserError, match=r"/both/train.jsonl: is a file and a folder at once"):
        bring_posts(machines.address("both"))


def test_a_bucket_is_looked_at_and_not_what_is_above_it(monkeypatch: pytest.MonkeyPatch, machines: Machines) -> None:
    asked: list[str] = []
    monkeypatch.setattr(Remote, "look", lambda self, name="": asked.append(f"{self.address}|{name}"))
    monkeypatch.setattr(Remote, "list", lambda self: {})
    with pytest.raises(UserError, match=r"s3://bucket: no such file"):
        bring_posts(Address("s3://bucket"))
    assert asked == ["s3://bucket|"]


def test_no_data_set_there_is_told_with_its_address(machines: Machines) -> None:
    with pytest.raises(UserError, match=r"file://.*/none: no such file, and no folder with a file in it"):
        bring_posts(machines.address("none"))


def test_messages_name_addresses_and_not_their_copies(machines: Machines) -> None:
    (machines.there("mnre")).mkdir(parents=True)
    (machines.there("mnre") / "train.jsonl").write_text("{}\n")
    with pytest.raises(UserError) as raised:
        read_dataset(bring_posts(machines.address("mnre")))
    assert f"{machines.address('mnre')}/train.jsonl" in name_addresses(str(raised.value))
    assert "machine-1" not in name_addresses(str(raised.value))


def write_posts_there(machines: Machines) -> None:
    machines.there("mnre").mkdir(parents=True)
    write_posts(machines.there("mnre"))
