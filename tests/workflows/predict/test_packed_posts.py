"""Posts and photos of tar files and Parquet tables are answered as those of a folder."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from support.command import dgf
from support.packed import write_tar
from support.seen_world import SeenWorld


def rows_of(posts: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (posts / "test.jsonl").read_text().splitlines()]


@pytest.fixture(params=["tar", "parquet"])
def packed(request: pytest.FixtureRequest, world: SeenWorld, tmp_path: Path) -> Path:
    rows = rows_of(world.posts)
    photos = [(world.posts / row.pop("image")).read_bytes() for row in rows]
    if request.param == "parquet":
        pq = pytest.importorskip("pyarrow.parquet", reason="pip install 'dgf[parquet]'")
        table = [{**row, "image": {"bytes": photo, "path": None}} for row, photo in zip(rows, photos, strict=True)]
        pq.write_table(pytest.importorskip("pyarrow").Table.from_pylist(table), tmp_path / "test.parquet")
        return tmp_path / "test.parquet"
    for part in range(2):
        members = []
        for number in range(part, len(rows), 2):
            members += [(f"{number}.json", json.dumps(rows[number]).encode()), (f"{number}.png", photos[number])]
        write_tar(tmp_path / f"test-{part:02d}.tar", members)
    return tmp_path / "test-{00..01}.tar"


@pytest.mark.parametrize("packed", ["tar"], indirect=True)
def test_posts_of_tar_files_are_answered_with_their_photos(world: SeenWorld, packed: Path) -> None:
    done = dgf("predict", world.run, packed, "--device", "cpu")
    assert done.code == 0 and "6 posts, 0 of them" in done.err, done.said
    rows = [json.loads(line) for line in done.out.splitlines()]
    assert sorted(row["id"] for row in rows) == [f"test:{number}" for number in range(6)]
    assert all(row["attributions"]["relevance"] for row in rows)


def test_features_name_photos_where_they_lie(world: SeenWorld, packed: Path, tmp_path: Path) -> None:
    words = "--detector torchvision:fasterrcnn_mobilenet_v3_large_320_fpn --weights random --vgg-weights random"
    small = "--min-size 32 --max-size 64 --top-k 3 --regions 5 --batch-size 1 --threads 1 --device cpu"
    asked = ("extract-features", packed, "--out", tmp_path / "features", *words.split(), *small.split())
    done = dgf(*asked)
    assert done.code == 0, done.said
    plan = json.loads((tmp_path / "features" / "plan.json").read_text())
    ids = [
        name for shard in plan["shards"] for batch in shard for p in batch for name in (p["image_id"], *p["aliases"])
    ]
    if packed.suffix == ".tar":
        assert sorted(ids) == sorted(f"test-0{number % 2}.tar/{number}.png" for number in range(6))
    else:
        assert sorted(ids) == [f"test.parquet/{number:07d}" for number in range(1, 7)]
    before = (tmp_path / "features" / "shard-00000.h5").stat().st_mtime_ns
    assert dgf(*asked).code == 0 and (tmp_path / "features" / "shard-00000.h5").stat().st_mtime_ns == before
    told = dgf("validate", packed, "--photos", "pixels")
    assert told.code == 0 and re.search(r"^photos found +6$", told.out, flags=re.M), told.out
