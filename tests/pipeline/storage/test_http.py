"""Over HTTP nothing can be listed: a file of posts with its photos, and finished folders of shards, are read."""

import functools
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from dgf.pipeline.errors import UserError
from dgf.pipeline.photos import find_photos
from dgf.pipeline.posts import read_dataset
from dgf.pipeline.shards import ShardFolder, bring_shards
from dgf.pipeline.storage.address import Address
from dgf.pipeline.storage.photos import bring_named, photos_address
from dgf.pipeline.storage.posts import bring_posts
from support.posts_of import posts_of
from support.small_world import write_posts, write_shards
from support.tiny_job import paint

pytest.importorskip("aiohttp", reason="fsspec speaks HTTP through aiohttp, which s3fs brings")


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Address]:
    """The address of the folder `www`."""
    monkeypatch.setenv("DGF_CACHE", str(tmp_path / "cache"))
    (tmp_path / "www").mkdir()
    handler = functools.partial(Quiet, directory=str(tmp_path / "www"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield Address(f"http://127.0.0.1:{server.server_port}")
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_file_of_posts_and_its_photos(served: Address, tmp_path: Path) -> None:
    names = [f"photos/{name}" for name in paint(tmp_path / "www" / "photos", 2)]
    posts_of(tmp_path / "www", [*names, "photos/none.jpg"])
    source = served / "posts.jsonl"
    dataset = read_dataset(bring_posts(source))
    found = find_photos(bring_named(photos_address(source, dataset), dataset))
    assert found.found == tuple(names) and found.missing == ("photos/none.jpg",)


def test_a_name_is_no_more_than_a_name(served: Address, tmp_path: Path) -> None:
    paint(tmp_path / "www", 1)
    (tmp_path / "www" / "data").mkdir()
    names = ["100% a?b#c.jpg", "%2e%2e/photo-0000.jpg", "posts.jsonl#x", "posts.jsonl?y"]
    (tmp_path / "www" / "photo-0000.jpg").rename(tmp_path / "www" / "data" / names[0])
    paint(tmp_path / "www", 1)
    posts_of(tmp_path / "www" / "data", names)
    source = served / "data" / "posts.jsonl"
    dataset = read_dataset(bring_posts(source))
    found = find_photos(bring_named(photos_address(source, dataset), dataset))
    assert found.found == (names[0],) and found.missing == tuple(names[1:])


def test_a_quoted_address_is_one_of_the_file_as_it_is_called(served: Address, tmp_path: Path) -> None:
    posts_of(tmp_path / "www", ["none.jpg"]).rename(tmp_path / "www" / "my posts.jsonl")
    assert bring_posts(served / "my%20posts.jsonl").name == "my posts.jsonl"
    with pytest.raises(UserError, match="no file can have this name"):
        bring_posts(served / "..%2Fmy%20posts.jsonl")


def test_a_finished_folder_of_shards(served: Address, tmp_path: Path) -> None:
    posts = tmp_path / "posts"
    write_posts(posts)
    write_shards(posts, tmp_path / "www" / "features", tmp_path / "www" / "captions")
    features = ShardFolder.open(bring_shards(served / "features"), "features")
    features.verify(features.finished())
    captions = ShardFolder.open(bring_shards(served / "captions"), "captions")
    captions.verify(captions.finished(len(features.plan.shards)))
    (tmp_path / "www" / "features" / "manifest.json").unlink()
    with pytest.raises(UserError, match=r"http://.*/features: has no manifest.json that can be read"):
        bring_shards(served / "features")


@pytest.mark.parametrize(
    "shard", ['"file": "", "bytes": 1', '"file": "shard-00000.h5", "bytes": Infinity', '"file": "../x"']
)
def test_a_manifest_with_anything_else_is_told(served: Address, tmp_path: Path, shard: str) -> None:
    (tmp_path / "www" / "manifest.json").write_text(f'{{"shards": [{{{shard}}}]}}')
    with pytest.raises(UserError, match=r"has no manifest.json that can be read"):
        bring_shards(served)


def test_nothing_there_is_told(served: Address) -> None:
    with pytest.raises(UserError, match="no such file") as raised:
        bring_posts(served / "mnre")
    assert raised.value.hint == "Over http no folder can be listed: give a file, such as posts.jsonl."
