import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from dgf.cli.inspect import inspect_command as command
from dgf.pipeline.errors import UserError
from dgf.pipeline.files import read_record, write_record
from dgf.pipeline.photos import digest
from dgf.pipeline.shards import Failure, Layout, ShardFolder, ShardStats, write_captions, write_features
from dgf.workflows.inspect_shards import inspect_folder
from dgf.workflows.settings import InspectSettings

LAYOUT = Layout(objects=3, regions=4, dim=8, fc7=False, class_names=("cat", "dog"))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Posts with four photos."""
    folder = tmp_path / "data"
    folder.mkdir()
    posts = []
    for index in range(4):
        Image.new("RGB", (60, 40), (60 * index, 90, 30)).save(folder / f"{index}.png")
        mentions = {"head": {"span": [0, 1]}, "tail": {"span": [1, 2]}}
        posts.append({"id": f"p{index}", "tokens": ["a", "b"], "image": f"{index}.png", **mentions})
    (folder / "posts.jsonl").write_text("\n".join(map(json.dumps, posts)))
    return folder / "posts.jsonl"


@pytest.fixture
def features(tmp_path: Path, data: Path) -> Path:
    """Two shards of two photos."""
    with ShardFolder.claim(tmp_path / "features", {"kind": "features", "detector": {"model": "m"}}) as folder:
        markers = []
        for shard in range(2):
            ids = [f"{2 * shard}.png", f"{2 * shard + 1}.png"]
            arrays = {name: np.zeros((2, *shape), dtype) for name, (dtype, shape) in LAYOUT.columns().items()}
            arrays["objects/count"][:] = 2
            arrays["objects/boxes"][:] = (5, 5, 30, 30)
            for row, image_id in enumerate(ids):
                sha256 = bytes.fromhex(digest((data.parent / image_id).read_bytes()))
                arrays["image_sha256"][row] = np.frombuffer(sha256, np.uint8)
            stats = ShardStats(2, (Failure("bad.png", "truncated"),) if shard else (), {"compute": 2.0})
            write = partial(
                write_features,
                layout=LAYOUT,
                image_ids=ids,
                arrays=arrays,
                fingerprint=folder.fingerprint,
                versions={"dgf": "1"},
            )
            markers.append(folder.commit(shard, write, stats))
        folder.write_manifest(markers, {"failures": [{"image_id": "bad.png", "reason": "truncated"}]})
    return folder.path


@pytest.fixture
def captions(tmp_path: Path) -> Path:
    ids = ["0.png", "1.png"]
    with ShardFolder.claim(tmp_path / "captions", {"kind": "captions"}) as folder:
        folder.commit(
            0,
            lambda file: write_captions(file, ids, ["a cat", "a dog"], np.zeros(2), folder.fingerprint, {"dgf": "1"}),
            ShardStats(2),
        )
    return folder.path


def test_summary(features: Path) -> None:
    found = inspect_folder(InspectSettings(features, verify=True))
    assert (found.kind, found.rows, found.shards, found.faults) == ("features", 4, 2, ())
    assert found.failures == (Failure("bad.png", "truncated"),)
    assert found.seconds["compute"] == 4.0 and found.versions == {"dgf": "1"}
    sizes = {"objects": 3, "regions": 4, "dim": 8, "blocks": 49, "block_dim": 512}
    assert found.layout == {**sizes, "fc7": 0, "pyramid": 0, "classes": 2}
    assert found.fingerprint == ShardFolder.open(features).markers()[0].fingerprint
    printed = CliRunner().invoke(command, [str(features), "--verify"])
    assert printed.exit_code == 0 and "2 shards are whole" in printed.output and "bad.png: truncated" in printed.output


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes(content)


def swap(path: Path) -> None:
    """Another shard under this name, with a marker that vouches for it."""
    other = path.with_name("shard-00000.h5")
    path.write_bytes(other.read_bytes())
    marker = read_record(other.with_suffix(".json"))
    write_record(path.with_suffix(".json"), marker | {"file": path.name, "index": 1})


def recount(path: Path) -> None:
    marker = read_record(path.with_suffix(".json"))
    marker["stats"]["rows"] = 7
    write_record(path.with_suffix(".json"), marker)


def drop(path: Path) -> None:
    path.with_suffix(".json").unlink()


@pytest.mark.parametrize(
    ("damage", "fault"),
    [
        (flip, "SHA-256"),
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), "bytes, its marker says"),
        (Path.unlink, "is not there"),
        (swap, "made again since the manifest"),
        (recount, "has 2 rows, its marker says 7"),
        (drop, "has no marker"),
    ],
)
def test_a_damaged_shard_is_named_with_what_helps(features: Path, damage, fault: str) -> None:  # type: ignore[no-untyped-def]
    damage(features / "shard-00001.h5")
    unasked = inspect_folder(InspectSettings(features)).faults  # what shows without reading the shard
    assert [name for name, _ in unasked] == ["shard-00001.h5"] * (fault in ("bytes, its marker says", "is not there"))
    printed = CliRunner().invoke(command, [str(features), "--verify"])
    assert printed.exit_code == 1
    assert "broken       shard-00001.h5" in printed.output and fault in printed.output
    assert "shard-00000.h5" not in printed.output
    assert f"dgf extract-features ... --out {features}" in printed.output and "without --overwrite" in printed.output


def test_a_damaged_marker_is_named(features: Path) -> None:
    marker = features / "shard-00001.json"
    marker.write_text(marker.read_text().replace('"rows": 2', '"rows": 3'))
    with pytest.raises(
        UserError, match=r"shard-00001\.json: cannot be read \(it has changed(?s:.*)without --overwrite"
    ):
        inspect_folder(InspectSettings(features))
    printed = CliRunner().invoke(command, [str(features), "--verify"])
    assert printed.exit_code == 1 and "broken       shard-00001.json cannot be read" in printed.output
    assert "1 of 2" in printed.output


def test_captions(captions: Path, data: Path, tmp_path: Path) -> None:
    found = inspect_folder(InspectSettings(captions, verify=True, sheet=tmp_path / "s.png", data=data))
    assert (found.kind, found.rows, found.layout, found.faults) == ("captions", 2, {}, ())
    assert (tmp_path / "s.png").stat().st_size > 1000


def test_sheet(features: Path, captions: Path, data: Path, tmp_path: Path) -> None:
    sheets = []
    for options in ({"photos": 2}, {"photos": 2, "captions": captions}, {}):
        inspect_folder(InspectSettings(features, sheet=tmp_path / "s.png", data=data, **options))  # type: ignore[arg-type]
        sheets.append((tmp_path / "s.png").read_bytes())
    assert len(set(sheets)) == 3
    Image.new("RGB", (60, 40), "white").save(data.parent / "0.png")  # another photo than was read
    (data.parent / "1.png").unlink()
    inspect_folder(InspectSettings(features, sheet=tmp_path / "s.png", data=data))
    assert (tmp_path / "s.png").read_bytes() != sheets[2]
    (data.parent / "train.jsonl").write_text(data.read_text())
    (data.parent / "ours_test.txt").write_text("{}")  # of another layout
    asked = InspectSettings(features, sheet=tmp_path / "s.png", data=data.parent)
    with pytest.raises(UserError, match="holds both"):
        inspect_folder(asked)
    inspect_folder(replace(asked, layout="jsonl"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["absent"], "no such folder"),
        (["."], "neither features nor captions"),
        (["features", "--sheet", "s.png"], "--data"),
        (["features", "--sheet", "absent/s.png", "--data", "data/posts.jsonl"], "cannot be written"),
        (
            ["features", "--sheet", "s.png", "--data", "data/posts.jsonl", "--captions", "data"],
            "not a folder of captions",
        ),
    ],
)
def test_bad_input_is_one_message(
    arguments: list[str], message: str, features: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(features.parent)
    result = CliRunner().invoke(command, arguments)
    assert isinstance(result.exception, UserError) and message in str(result.exception)
    assert not Path("s.png").exists()
