"""The main job at addresses: the same bytes as in folders, also after a kill, and a network trained from them.

S3 is moto's; where that is not installed, `file://` is spoken to, through fsspec like any other storage.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from dgf.pipeline.files import file_digest
from dgf.pipeline.shards import ShardFolder
from dgf.pipeline.storage import hold
from dgf.pipeline.storage.address import Address
from dgf.pipeline.storage.remote import Remote
from support import ENVIRONMENT
from support.command import dgf
from support.narrow_job import narrow_settings, shard_digests
from support.s3_server import BUCKET, serve_s3
from support.small_world import TINY, write_posts
from support.tiny_job import drive, paint

Storage = Callable[[str], Address]


STORAGES = ["s3"] if find_spec("moto") and find_spec("s3fs") else ["file", "s3"]


@pytest.fixture(scope="module", params=STORAGES)
def storage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Storage]:
    """Addresses of a storage by name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hold, "DEAD_SECONDS", 1.0)
        folder = tmp_path_factory.mktemp(request.param)
        patch.setenv("DGF_CACHE", str(folder / "cache"))
        if request.param == "file":
            yield lambda name: Address(f"file://{folder}/storage/{name}")
            return
        with serve_s3() as variables:
            for name, value in variables.items():
                patch.setenv(name, value)
            yield lambda name: Address(f"s3://{BUCKET}/{name}")


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Posts, features and captions in folders."""
    folder = tmp_path_factory.mktemp("local")
    write_posts(folder / "posts")
    assert extract(folder / "posts", folder / "features", folder).code == 0
    lines = [f'{{"image_id": "{path.name}", "caption": "a photo"}}\n' for path in (folder / "posts").glob("*.png")]
    (folder / "words.jsonl").write_text("".join(lines))
    return folder


def extract(data: object, out: object, scratch: Path):
    """`dgf extract-features` with narrow networks."""
    settings = narrow_settings(Path(), Path(), scratch)
    words = [
        "--detector", settings.detector, "--weights", "random", "--vgg-weights", settings.vgg_weights, "--top-k", 3,
        "--regions", 8, "--device", "cpu", "--shard-size", 4, "--threads", 1,
    ]  # fmt: skip
    return dgf("extract-features", data, "--out", out, *words)


def copy_there(folder: Path, address: Address) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            name = path.relative_to(folder).as_posix()
            Remote(address / name.rpartition("/")[0] if "/" in name else address).put(path.name, path)


def copy_here(address: Address, folder: Path) -> Path:
    folder.mkdir()
    for name in Remote(address).list():
        (folder / name).touch()
        Remote(address).fetch(name, folder / name)
    return folder


def test_the_main_job_at_addresses(
    storage: Storage, local: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    posts, features, captions = storage("posts"), storage("features"), storage("captions")
    copy_there(local / "posts", posts)

    # extraction: the same bytes, and nothing left over
    done = extract(posts, features, local)
    assert done.code == 0 and f"{features}: 12 of 12 distinct photos have features" in done.out, done.said
    there = copy_here(features, tmp_path / "features")
    assert shard_digests(there) == shard_digests(local / "features")
    assert {path.name for path in there.iterdir()} == {path.name for path in (local / "features").iterdir()}
    assert "(0 new;" in extract(posts, features, local).out

    # captions, made on another machine
    monkeypatch.setenv("DGF_CACHE", str(tmp_path / "another"))
    done = dgf("caption", posts, "--features", features, "--out", captions, "--captions", local / "words.jsonl")
    assert done.code == 0 and f"{captions}: 12 of 12 photos have a caption" in done.out, done.said
    command = ["--features", local / "features", "--out", local / "captions", "--captions", local / "words.jsonl"]
    if not (local / "captions").exists():
        assert dgf("caption", local / "posts", *command).code == 0
    assert shard_digests(copy_here(captions, tmp_path / "captions")) == shard_digests(local / "captions")

    # training, evaluation and a look at the folders on a third
    monkeypatch.setenv("DGF_CACHE", str(tmp_path / "third"))
    run = tmp_path / "run"
    words = ["--features", features, "--captions", captions, "--out", run, "--device", "cpu", *TINY, "optim.epochs=1"]
    done = dgf("train", posts, *words)
    assert done.code == 0, done.said
    assert f"path: {posts}" in (run / "config.yaml").read_text()
    done = dgf("eval", run, "--device", "cpu")
    assert done.code == 0 and "micro" in done.out, done.said
    assert str(posts) in (run / "eval-test" / "report.json").read_text()
    assert 'id="picture-data">["' in (run / "eval-test" / "report.html").read_text()  # photos are fetched for it
    assert dgf("inspect", features, "--verify").out.count("shards are whole") == 1


def test_killed_after_its_first_shard_and_resumed_elsewhere(
    storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paint(tmp_path / "photos", 40)
    drive(tmp_path / "photos", tmp_path / "undisturbed")
    out = storage("killed")
    command = [sys.executable, "-m", "support.tiny_job", str(tmp_path / "photos"), str(out), "0"]
    driver = subprocess.Popen(command, env={**ENVIRONMENT, **os.environ, "PYTHONPATH": ENVIRONMENT["PYTHONPATH"]})
    try:
        while driver.poll() is None and not marked(out):
            time.sleep(0.02)
    finally:
        driver.kill()
        driver.wait()
    assert driver.returncode == -9, "it ended before it could be killed"
    before = marked(out)
    assert Remote(out).look(hold.CLAIM) is not None

    monkeypatch.setenv("DGF_CACHE", str(tmp_path / "another"))
    results = drive(tmp_path / "photos", out)
    made = {f"shard-{result.index:05d}.json" for result in results if result.computed}
    assert made and before and not made & before
    here = copy_here(out, tmp_path / "out")
    undisturbed = tmp_path / "undisturbed"
    names = [path.name for path in undisturbed.iterdir() if path.suffix == ".h5"] + ["plan.json", "settings.json"]
    assert {name: file_digest(here / name) for name in names} == {n: file_digest(undisturbed / n) for n in names}
    assert len(ShardFolder.open(out).markers()) == len(made | before)
    assert Remote(out).look(hold.CLAIM) is None


def marked(out: Address) -> set[str]:
    return {name for name in Remote(out).list() if name.startswith("shard-") and name.endswith(".json")}


def test_no_such_bucket_is_told(storage: Storage, local: Path) -> None:
    if storage("x").protocol != "s3":
        pytest.skip("a file system has no buckets")
    done = extract(local / "posts", "s3://no-such-bucket/features", local)
    assert done.code == 1
    assert "error: s3://no-such-bucket/features: no such bucket, folder or file" in done.err


def test_what_stays_on_this_machine_says_so(tmp_path: Path) -> None:
    done = dgf("train", tmp_path, "--out", "s3://bucket/run")
    assert done.code == 2 and "s3://bucket/run is an address, and this takes a path of this machine alone" in done.err
    done = dgf("extract-features", tmp_path, "--out", "s3://b/f", "--weights", "random", "--vgg-weights", "random",
               "--part", "1/2")  # fmt: skip
    assert done.code == 1 and "--part shares a folder by a lock" in done.err
