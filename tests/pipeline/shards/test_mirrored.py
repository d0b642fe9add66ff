"""A folder of shards at an address: as safe as a local one, whichever machine goes on with it."""

import json
import pickle
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from dgf.pipeline.errors import FolderTakenError, UserError
from dgf.pipeline.files import file_digest
from dgf.pipeline.jobs.base import ShardJob
from dgf.pipeline.shards import ShardFolder, ShardStats, bring_shards, find_failed, records_of
from dgf.pipeline.storage import hold
from dgf.pipeline.storage.address import Address
from dgf.pipeline.storage.posts import bring_posts
from dgf.pipeline.storage.remote import Remote
from dgf.workflows.inspect_shards import inspect_folder
from dgf.workflows.settings import InspectSettings
from support.other_machine import Machines
from support.tiny_job import TinySpec, claim_photos, drive, paint


@pytest.fixture
def machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machines:
    monkeypatch.setattr(hold, "DEAD_SECONDS", 2.0)
    monkeypatch.setattr(hold, "BEAT_SECONDS", 0.02)
    monkeypatch.setattr(hold, "SETTLE_SECONDS", 0.1)
    return Machines(tmp_path, monkeypatch)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    paint(tmp_path / "photos", 14)
    return tmp_path / "photos"


def digests(folder: Path) -> dict[str, str]:
    """Of everything in which no time stands."""
    names = [*sorted(path.name for path in folder.glob("*.h5")), "plan.json", "settings.json"]
    return {name: file_digest(folder / name) for name in names}


def summed_up(photos: Path, machines: Machines) -> None:
    """A finished folder at the address."""
    drive(photos, machines.address("out"))
    with claim_photos(photos, machines.address("out")) as (folder, _):
        folder.write_manifest(folder.markers(), {"failures": [], "command": {}})


def test_what_lies_at_the_address_is_what_lies_in_a_folder(photos: Path, machines: Machines, tmp_path: Path) -> None:
    drive(photos, tmp_path / "local")
    results = drive(photos, machines.address("out"))
    there = machines.there("out")
    assert len(results) > 2 and all(result.computed for result in results)
    assert digests(there) == digests(tmp_path / "local")
    assert {path.name for path in there.iterdir()} == {path.name for path in (tmp_path / "local").iterdir()}


def test_another_machine_makes_what_is_lacking_and_fetches_no_shard(photos: Path, machines: Machines) -> None:
    drive(photos, machines.address("out"))
    before = digests(machines.there("out"))
    (machines.there("out") / "shard-00001.json").unlink()
    machines.change()
    results = drive(photos, machines.address("out"))
    assert [result.index for result in results] == [1]
    assert machines.copies("*.h5") == ["shard-00001.h5"]
    assert digests(machines.there("out")) == before


@pytest.mark.parametrize("cut", [True, False], ids=["cut short", "gone"])
def test_a_marker_whose_shard_is_not_whole_does_not_count(photos: Path, machines: Machines, cut: bool) -> None:
    drive(photos, machines.address("out"))
    shard = machines.there("out") / "shard-00000.h5"
    whole = shard.read_bytes()
    shard.write_bytes(whole[:-1]) if cut else shard.unlink()
    assert [result.index for result in drive(photos, machines.address("out"))] == [0]
    assert shard.read_bytes() == whole


def test_what_was_done_here_and_is_gone_there_is_made_again(photos: Path, machines: Machines) -> None:
    drive(photos, machines.address("out"))
    (machines.there("out") / "shard-00001.json").unlink()
    (machines.there("out") / "shard-00001.h5").unlink()
    assert [result.index for result in drive(photos, machines.address("out"))] == [1]


def test_the_marker_comes_last(photos: Path, machines: Machines, monkeypatch: pytest.MonkeyPatch) -> None:
    names: list[str] = []
    put, write = Remote.put, Remote.write
    monkeypatch.setattr(Remote, "put", lambda self, name, file: (names.append(name), put(self, name, file))[1])
    monkeypatch.setattr(Remote, "write", lambda self, name, data: (names.append(name), write(self, name, data))[1])
    drive(photos, machines.address("out"))
    names = [name for name in names if name != hold.CLAIM]
    assert names[:2] == ["settings.json", "plan.json"]
    assert [name for name in names if name.startswith("shard-00000")] == ["shard-00000.h5", "shard-00000.json"]


def test_photos_of_another_plan_are_refused(photos: Path, machines: Machines) -> None:
    drive(photos, machines.address("out"))
    before = digests(machines.there("out"))
    machines.change()
    paint(photos, 15, seed=1)
    with pytest.raises(FolderTakenError, match=r"was made with other settings: photos\.count was 14, is 15"):
        drive(photos, machines.address("out"))
    assert digests(machines.there("out")) == before


def test_overwriting_leaves_nothing_of_before(photos: Path, machines: Machines) -> None:
    summed_up(photos, machines)
    machines.change()
    with ShardFolder.claim(machines.address("out"), {"kind": "features", "other": 1}, overwrite=True) as folder:
        assert folder.committed(0) is None
        assert sorted(path.name for path in machines.there("out").iterdir()) == [".claim.json", "settings.json"]


def test_an_address_with_something_else_is_left_alone(photos: Path, machines: Machines) -> None:
    machines.there("out").mkdir(parents=True)
    (machines.there("out") / "thesis.txt").write_text("mine")
    with pytest.raises(FolderTakenError, match=r"was not made by this command \(it holds thesis.txt\)"):
        drive(photos, machines.address("out"))
    assert [path.name for path in machines.there("out").iterdir()] == ["thesis.txt"]


def test_a_run_that_ends_before_its_first_shard_leaves_nothing(photos: Path, machines: Machines) -> None:
    with pytest.raises(RuntimeError, match="too early"), claim_photos(photos, machines.address("out")):
        raise RuntimeError("too early")
    assert list(machines.there("out").iterdir()) == []


def test_a_run_that_ends_later_leaves_its_shards(photos: Path, machines: Machines) -> None:
    drive(photos, machines.address("out"))
    before = {path.name for path in machines.there("out").iterdir()}
    machines.change()  # which has none of them
    with pytest.raises(RuntimeError, match="later"), claim_photos(photos, machines.address("out")):
        raise RuntimeError("later")
    assert {path.name for path in machines.there("out").iterdir()} == before


def test_a_folder_is_read_as_a_whole_from_elsewhere(photos: Path, machines: Machines) -> None:
    summed_up(photos, machines)
    machines.change()
    here = bring_shards(machines.address("out"))
    folder = ShardFolder.open(here, "features")
    folder.verify(folder.finished())
    assert digests(here) == digests(machines.there("out"))


def test_a_shard_that_changed_there_is_refused_and_not_kept(photos: Path, machines: Machines) -> None:
    summed_up(photos, machines)
    shard = machines.there("out") / "shard-00000.h5"
    shard.write_bytes(b"x" + shard.read_bytes()[1:])
    machines.change()
    with pytest.raises(UserError, match=r"file://.*/shard-00000.h5: has SHA-256") as raised:
        bring_shards(machines.address("out"))
    assert "shard-00000.h5" not in machines.copies("*.h5")

    # What the messages say makes it again does.
    summary = inspect_folder(InspectSettings(machines.address("out"), verify=True))
    assert [file for file, _ in summary.faults] == ["shard-00000.h5"]
    marker = f"{machines.address('out')}/shard-00000.json"
    assert marker in summary.hint and raised.value.hint is not None and marker in raised.value.hint
    (machines.there("out") / "shard-00000.json").unlink()
    assert [result.index for result in drive(photos, machines.address("out"))] == [0]
    bring_shards(machines.address("out"))


def test_verifying_reads_what_is_there_and_not_its_copy(photos: Path, machines: Machines) -> None:
    summed_up(photos, machines)
    shard = machines.there("out") / "shard-00000.h5"
    whole = shard.read_bytes()
    verify = InspectSettings(machines.address("out"), verify=True)
    assert inspect_folder(verify).faults == ()
    shard.write_bytes(b"x" + whole[1:])
    assert [file for file, _ in inspect_folder(verify).faults] == ["shard-00000.h5"]


def test_a_copy_that_is_damaged_is_fetched_again(photos: Path, machines: Machines) -> None:
    summed_up(photos, machines)
    here = bring_shards(machines.address("out"))
    shard = here / "shard-00000.h5"
    shard.write_bytes(b"x" + shard.read_bytes()[1:])
    assert digests(bring_shards(machines.address("out"))) == digests(machines.there("out"))


def test_a_shard_is_fetched_when_it_is_opened(photos: Path, machines: Machines) -> None:
    summed_up(photos, machines)
    machines.change()
    folder = ShardFolder.open(machines.address("out"), "features")
    marker = folder.finished()[1]
    assert machines.copies("*.h5") == []
    with folder.open_shard(marker):
        assert machines.copies("*.h5") == [marker.file]


def test_nothing_at_an_address_is_no_folder(machines: Machines) -> None:
    with pytest.raises(UserError, match=r"file://.*/none: no such folder of features"):
        ShardFolder.open(machines.address("none"), "features")


def test_a_shard_that_cannot_be_put_is_not_done(
    photos: Path, machines: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = Remote.put

    def lose(self: Remote, name: str, file: Path) -> None:
        if name == "shard-00001.h5":
            raise UserError("the network is gone")
        put(self, name, file)

    with monkeypatch.context() as patch:
        patch.setattr(Remote, "put", lose)
        with pytest.raises(UserError, match=r"1 of . shards failed: shard-00001: UserError: the network is gone"):
            drive(photos, machines.address("out"))
    assert not (machines.there("out") / "shard-00001.json").exists()
    assert [result.index for result in drive(photos, machines.address("out"))] == [1]


def test_photos_that_failed_are_found_by_another_machine(photos: Path, machines: Machines) -> None:
    broken = photos / "photo-0003.jpg"
    broken.write_bytes(broken.read_bytes()[:-200])
    drive(photos, machines.address("out"))
    machines.change()
    named = [(path.name,) for path in photos.iterdir()]
    assert find_failed(machines.address("out"), named) == {broken.name}


def test_a_shard_is_withdrawn_there(photos: Path, machines: Machines) -> None:
    drive(photos, machines.address("out"))
    machines.change()
    with claim_photos(photos, machines.address("out")) as (folder, _):
        folder.withdraw(1)
        assert folder.committed(1) is None
    assert not list(machines.there("out").glob("shard-00001.*"))


@pytest.mark.parametrize("protocol", ["https", "hf"])
def test_what_is_only_read_is_not_written(protocol: str) -> None:
    with pytest.raises(UserError, match=f"{protocol}://host/out: {protocol}:// cannot be written"):
        records_of(Address(f"{protocol}://host/out"))


def test_an_address_that_was_a_data_set_and_is_empty_now_is_taken(photos: Path, machines: Machines) -> None:
    there = machines.there("out")
    (there / "img").mkdir(parents=True)
    (there / "train.jsonl").write_text("{}\n")
    (there / "img" / "a.jpg").write_bytes(b"x")
    bring_posts(machines.address("out"))
    shutil.rmtree(there)
    assert drive(photos, machines.address("out"))


def test_a_photo_that_changed_there_fails(photos: Path, machines: Machines) -> None:
    shutil.copytree(photos, machines.there("photos"))
    with claim_photos(photos, machines.address("out")) as (folder, plan):
        first = next(photo for batch in plan.shards[0] for photo in batch)
        changed = machines.there("photos") / first.image_id
        changed.write_bytes(changed.read_bytes() + b"x")  # as long as it says, to see that bytes are compared
        longer = replace(first, bytes=first.bytes + 1)
        shard = tuple(tuple(longer if photo == first else photo for photo in batch) for batch in plan.shards[0])
        folder.save_plan(replace(plan, shards=(shard, *plan.shards[1:])))
        job = ShardJob(folder, TinySpec(machines.address("photos")))
        result = job.open().run(0, lambda done: None)
        assert [(failure.image_id, failure.reason) for failure in result.failures] == [
            (first.image_id, "changed while it was being extracted")
        ]


def test_a_second_run_is_kept_out(photos: Path, machines: Machines) -> None:
    with claim_photos(photos, machines.address("out")):
        with pytest.raises(FolderTakenError, match="is being written by another run"):
            drive(photos, machines.address("out"))
        machines.change()
        with pytest.raises(FolderTakenError, match="is being written by another run, on "):
            drive(photos, machines.address("out"))


def test_a_dead_run_of_another_machine_is_taken_over(
    photos: Path, machines: Machines, caplog: pytest.LogCaptureFixture
) -> None:
    leave_claim(machines, made="elsewhere")
    started = time.monotonic()
    with caplog.at_level("WARNING"):
        assert drive(photos, machines.address("out"))
    assert time.monotonic() - started > hold.DEAD_SECONDS
    assert "is dead: going on" in caplog.text
    assert not (machines.there("out") / hold.CLAIM).exists()


def test_a_dead_run_of_this_machine_is_taken_over_at_once(
    photos: Path, machines: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    drive(photos, machines.address("out"))
    mark = next(machines.cache.rglob("mark")).read_text()
    leave_claim(machines, made=mark)
    monkeypatch.setattr(hold, "DEAD_SECONDS", 1000.0)
    assert drive(photos, machines.address("out")) == []


def test_a_run_that_was_taken_over_says_so_and_leaves_the_claim(photos: Path, machines: Machines) -> None:
    with (
        pytest.raises(FolderTakenError, match="another run has taken it over"),
        claim_photos(photos, machines.address("out")),
    ):
        leave_claim(machines, made="elsewhere")
        time.sleep(1.5)
    assert json.loads((machines.there("out") / hold.CLAIM).read_text())["made"] == "elsewhere"
    assert (machines.there("out") / "plan.json").exists()  # whatever is there is the other run's now


def test_a_run_that_was_taken_over_writes_no_more(
    photos: Path, machines: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hold, "BEAT_SECONDS", 1000.0)  # it sleeps
    stats = ShardStats(0)
    with (
        pytest.raises(FolderTakenError, match="another run has taken it over"),
        claim_photos(photos, machines.address("out")) as (folder, plan),
    ):
        folder.commit(0, lambda file: None, stats)
        leave_claim(machines, made="elsewhere")
        before = {path: path.read_bytes() for path in machines.there("out").iterdir()}
        writes: list[Callable[[], object]] = [
            lambda: ShardJob(folder, TinySpec(photos)).open().run(1, lambda done: None),
            lambda: folder.commit(1, lambda file: None, stats),
            lambda: pickle.loads(pickle.dumps(folder)).commit(1, lambda file: None, stats),
            lambda: folder.withdraw(0),
            lambda: folder.save_plan(plan),
            lambda: folder.write_manifest([], {}),
        ]
        for write in writes:
            with pytest.raises(FolderTakenError):
                write()
    assert {path: path.read_bytes() for path in machines.there("out").iterdir()} == before


def test_a_run_without_its_claim_has_been_taken_over_by_one_that_ended(photos: Path, machines: Machines) -> None:
    with pytest.raises(FolderTakenError), claim_photos(photos, machines.address("out")):
        (machines.there("out") / hold.CLAIM).unlink()


def test_a_claim_that_was_laid_since_the_dead_one_was_watched_stays(
    machines: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hold, "DEAD_SECONDS", 0.0)
    leave_claim(machines, made="elsewhere")
    read, reads = Remote.read, []

    def read_later(self: Remote, name: str) -> bytes | None:
        reads.append(name)
        if len(reads) == 2:
            leave_claim(machines, made="quicker")
        return read(self, name)

    monkeypatch.setattr(Remote, "read", read_later)
    with pytest.raises(FolderTakenError, match="is being written by another run, on node-7"):
        drive(machines.folder, machines.address("out"))
    assert json.loads((machines.there("out") / hold.CLAIM).read_text())["made"] == "quicker"


def test_of_two_runs_that_take_over_at_once_the_first_gives_way(
    machines: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hold, "DEAD_SECONDS", 0.0)
    leave_claim(machines, made="elsewhere")
    with monkeypatch.context() as patch:
        patch.setattr(hold.time, "sleep", lambda seconds: leave_claim(machines, made="slower"))
        with pytest.raises(FolderTakenError, match="is being written by another run, on node-7"):
            drive(machines.folder, machines.address("out"))
    assert json.loads((machines.there("out") / hold.CLAIM).read_text())["made"] == "slower"


@pytest.mark.parametrize(("whole", "where"), [(1, ", on node-7"), (2, "")], ids=["at first", "while it is watched"])
def test_a_claim_that_is_being_renewed_is_that_of_a_living_run(
    machines: Machines, monkeypatch: pytest.MonkeyPatch, whole: int, where: str
) -> None:
    """One of the times that it is read it is whole, and half-written the others."""
    leave_claim(machines, made="elsewhere")
    read, reads = Remote.read, []

    def read_halves(self: Remote, name: str) -> bytes | None:
        reads.append(name)
        return read(self, name) if len(reads) == whole else b'{"run'

    monkeypatch.setattr(Remote, "read", read_halves)
    with pytest.raises(FolderTakenError, match=f"is being written by another run{where}"):
        drive(machines.folder, machines.address("out"))


def leave_claim(machines: Machines, made: str) -> None:
    """The claim of a run that was killed."""
    machines.there("out").mkdir(parents=True, exist_ok=True)
    (machines.there("out") / hold.CLAIM).write_text(json.dumps({"run": "gone", "made": made, "host": "node-7"}))


def test_a_worker_of_another_machine_finds_its_own_copy(photos: Path, machines: Machines) -> None:
    summed_up(photos, machines)
    folder = ShardFolder.open(machines.address("out"), "features")
    machines.change()
    arrived = pickle.loads(pickle.dumps(folder)).found_here()
    assert arrived.path.is_relative_to(machines.cache)
    assert arrived.plan == folder.plan and arrived.committed(0) == folder.committed(0)
    with arrived.open_shard(arrived.finished()[0]):
        assert machines.copies("*.h5") == ["shard-00000.h5"]
