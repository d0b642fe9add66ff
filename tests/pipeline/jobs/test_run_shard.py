from dataclasses import dataclass
from pathlib import Path

import pytest

from dgf.pipeline.errors import UserError
from dgf.pipeline.jobs.base import ShardJob, StoppedError
from dgf.pipeline.shards import ShardFolder
from support.tiny_job import TinySpec, claim_photos, paint


@dataclass(frozen=True)
class NamedSpec(TinySpec):
    """The tiny computation under a name that the settings hold."""

    name: str = "tiny"

    def describe(self) -> dict[str, object]:
        return {"detector": self.name}


@pytest.fixture
def folder(tmp_path: Path) -> ShardFolder:
    paint(tmp_path / "photos", 8)
    with claim_photos(tmp_path / "photos", tmp_path / "out") as (_, plan):
        pass
    (tmp_path / "out" / "settings.json").unlink()
    (tmp_path / "out" / "plan.json").unlink()
    with ShardFolder.claim(tmp_path / "out", {"kind": "features", "detector": "tiny"}) as folder:
        plan.save(folder.path)
    return folder


def test_a_worker_that_would_compute_something_else_is_refused(folder: ShardFolder, tmp_path: Path) -> None:
    ShardJob(folder, NamedSpec(tmp_path / "photos")).open()
    with pytest.raises(UserError, match="another detector: small instead of tiny"):
        ShardJob(folder, NamedSpec(tmp_path / "photos", name="small")).open()


def test_a_shard_is_computed_once_and_none_after_the_end(folder: ShardFolder, tmp_path: Path) -> None:
    work = ShardJob(folder, NamedSpec(tmp_path / "photos")).open()
    assert [work.run(0, lambda done: None).computed for _ in range(2)] == [True, False]
    work.close()
    with pytest.raises(StoppedError):
        work.run(1, lambda done: None)
