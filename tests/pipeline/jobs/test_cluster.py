import hashlib
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from distributed import Client

from dgf.pipeline.errors import UserError
from dgf.pipeline.jobs.base import ShardJob, ShardResult
from dgf.pipeline.jobs.cluster import JobPlugin, local_cluster, run_job
from dgf.pipeline.shards import ShardFolder
from support import ENVIRONMENT
from support.tiny_job import PoisonSpec, TinySpec, claim_photos, drive, paint


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("photos")
    paint(root, 40)
    return root


@pytest.fixture(scope="module")
def expected(root: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The undisturbed run, in one process."""
    out = tmp_path_factory.mktemp("expected") / "out"
    drive(root, out)
    return digests(out)


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[tuple[str, list["subprocess.Popen[bytes]"]]]:
    """A scheduler and two workers started by hand, each a process of its own."""
    with started(tmp_path, "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard") as (head, log):
        address = wait_for(head, log, r"Scheduler at:\s+(tcp://\S+)")
        processes = [head]
        try:
            for number in range(2):
                folder = tmp_path / f"worker-{number}"
                folder.mkdir()
                processes.append(worker(folder, address))
            yield address, processes
        finally:
            for process in processes:
                process.kill()
                process.wait()


class started:  # noqa: N801
    def __init__(self, folder: Path, *command: str) -> None:
        self.log = folder / "log"
        self.command = [sys.executable, "-m", "distributed.cli.dask_" + command[0], *command[1:]]
        self.process: subprocess.Popen[bytes]

    def __enter__(self) -> tuple["subprocess.Popen[bytes]", Path]:
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                self.command, env=ENVIRONMENT, stdout=log, stderr=subprocess.STDOUT, cwd=self.log.parent
            )
        return self.process, self.log

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()


def worker(folder: Path, address: str) -> "subprocess.Popen[bytes]":
    process, log = started(
        folder, "worker", address, "--nthreads", "2", "--no-nanny", "--no-dashboard", "--local-directory", str(folder)
    ).__enter__()
    wait_for(process, log, r"(Registered to:\s+tcp)")
    return process


def wait_for(process: "subprocess.Popen[bytes]", log: Path, pattern: str) -> str:
    clock = threading.Event()
    for _ in range(600):
        found = re.search(pattern, log.read_text(errors="replace"))
        if found:
            return found[1]
        assert process.poll() is None, log.read_text(errors="replace")
        clock.wait(0.1)
    raise AssertionError(f"no {pattern} in {log.read_text(errors='replace')}")


def digests(out: Path) -> dict[str, str]:
    assert not list(out.glob(".*")), "a temporary file was left"
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(out.glob("*.h5"))}


def poisoned(root: Path, out: Path, how: str, times: int, workers: int) -> list[ShardResult]:
    results: list[ShardResult] = []
    with claim_photos(root, out) as (folder, plan):
        job = ShardJob(folder, PoisonSpec(TinySpec(root), shard=1, how=how, times=times))
        run_job(job, range(len(plan.shards)), workers=workers, on_result=results.append, per_worker=2)
    return results


def tiny_job(root: Path, folder: Path) -> ShardJob:
    """A job in a folder that nobody has claimed."""
    return ShardJob(ShardFolder(folder, "features", ""), TinySpec(root))


@pytest.fixture
def own_root(root: Path, tmp_path: Path) -> Path:
    """The photos in a folder that a test may write to."""
    own = tmp_path / "photos"
    own.mkdir()
    for path in root.glob("*.jpg"):
        os.link(path, own / path.name)
    return own


@pytest.mark.parametrize("workers", [0, 1])
def test_every_batch_is_reported_while_its_shard_is_under_way(workers: int, root: Path, tmp_path: Path) -> None:
    heard: set[tuple[int, int]] = set()
    with claim_photos(root, tmp_path / "out") as (folder, plan):
        run_job(
            ShardJob(folder, TinySpec(root)),
            range(len(plan.shards)),
            workers=workers,
            on_photos=lambda index, done: heard.add((index, done)),
        )
    batches = [[len(batch) for batch in shard] for shard in plan.shards]
    assert heard == {
        (index, sum(sizes[: number + 1])) for index, sizes in enumerate(batches) for number in range(len(sizes))
    }


@pytest.mark.parametrize("workers", [1, 2])
def test_local_workers_give_the_same_bytes(
    root: Path, expected: dict[str, str], tmp_path: Path, workers: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "dgf")
    results = drive(root, tmp_path / "out", workers)
    assert digests(tmp_path / "out") == expected and len(expected) > 5
    assert sorted(result.index for result in results) == list(range(len(expected)))
    assert re.search(r"dashboard of the workers: http://127\.0\.0\.1:\d+/status", caplog.text)


def test_a_scheduler_and_workers_started_by_hand_give_the_same_bytes_and_a_dead_one_changes_nothing(
    root: Path,
    expected: dict[str, str],
    tmp_path: Path,
    scheduler: tuple[str, list["subprocess.Popen[bytes]"]],
) -> None:
    address, processes = scheduler
    drive(root, tmp_path / "out", scheduler=address)
    assert digests(tmp_path / "out") == expected

    # A worker dies while it works; one that joins later takes its place.
    def disturb() -> None:
        out = tmp_path / "disturbed"
        clock = threading.Event()
        while not list(out.glob("shard-*.json")):
            clock.wait(0.01)
        os.kill(processes[1].pid, signal.SIGKILL)
        folder = tmp_path / "late"
        folder.mkdir()
        processes.append(worker(folder, address))

    thread = threading.Thread(target=disturb)
    thread.start()
    drive(root, tmp_path / "disturbed", scheduler=address, seconds=0.3)
    thread.join()
    assert digests(tmp_path / "disturbed") == expected


def test_a_lost_scheduler_is_told_and_finished_shards_stay(
    root: Path,
    expected: dict[str, str],
    tmp_path: Path,
    scheduler: tuple[str, list["subprocess.Popen[bytes]"]],
) -> None:
    address, processes = scheduler

    def disturb() -> None:
        clock = threading.Event()
        while not list((tmp_path / "out").glob("shard-*.json")):
            clock.wait(0.01)
        os.kill(processes[0].pid, signal.SIGKILL)

    thread = threading.Thread(target=disturb)
    thread.start()
    with pytest.raises(UserError, match=r"scheduler at tcp.* was lost\.\n.*run the same command again"):
        drive(root, tmp_path / "out", scheduler=address, seconds=0.3)
    thread.join()
    for process in processes:
        process.kill()
        process.wait()
    assert list((tmp_path / "out").glob("shard-*.json"))
    drive(root, tmp_path / "out")
    assert digests(tmp_path / "out") == expected


def test_the_shard_of_a_worker_that_died_is_run_again(own_root: Path, expected: dict[str, str], tmp_path: Path) -> None:
    results = poisoned(own_root, tmp_path / "out", "die", times=1, workers=2)
    assert digests(tmp_path / "out") == expected
    assert len(results) == len(expected)


def test_a_shard_whose_task_raised_once_is_run_again(own_root: Path, expected: dict[str, str], tmp_path: Path) -> None:
    results = poisoned(own_root, tmp_path / "out", "raise", times=1, workers=1)
    assert (own_root / "poison-0").is_dir(), "the task never raised"
    assert digests(tmp_path / "out") == expected
    assert sorted(result.index for result in results) == list(range(len(expected)))


def test_results_that_died_with_their_worker_are_made_again(
    own_root: Path, expected: dict[str, str], tmp_path: Path
) -> None:
    results: list[ShardResult] = []
    clock = threading.Event()
    with claim_photos(own_root, tmp_path / "out") as (folder, plan):

        def kill_the_worker_once_it_holds_every_result(result: ShardResult) -> None:
            results.append(result)
            if len(results) == 1:
                while len(folder.markers()) < len(plan.shards):
                    clock.wait(0.01)
                clock.wait(0.1)
                for process in psutil.Process().children(recursive=True):
                    if "spawn_main" in " ".join(process.cmdline()):
                        process.kill()
                clock.wait(0.1)  # the scheduler hears of it before the next result is asked for

        job = ShardJob(folder, TinySpec(own_root))
        run_job(job, range(len(plan.shards)), workers=1, on_result=kill_the_worker_once_it_holds_every_result)
    assert sorted(result.index for result in results) == list(range(len(expected)))
    assert digests(tmp_path / "out") == expected


@pytest.mark.parametrize("workers", [0, 1])
def test_a_shard_that_fails_stops_no_other_and_is_named(
    own_root: Path, expected: dict[str, str], tmp_path: Path, workers: int
) -> None:
    with pytest.raises(UserError, match=r"1 of \d+ shards failed: shard-00001: RuntimeError: poisoned"):
        poisoned(own_root, tmp_path / "out", "raise", times=2, workers=workers)
    assert digests(tmp_path / "out") == {name: hash_ for name, hash_ in expected.items() if name != "shard-00001.h5"}


def test_a_shard_that_kills_every_worker_is_given_up_alone(
    own_root: Path, expected: dict[str, str], tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=r"1 of \d+ shards failed: shard-00001: every worker that took it died"):
        poisoned(own_root, tmp_path / "out", "die", times=99, workers=1)
    assert digests(tmp_path / "out") == {name: hash_ for name, hash_ in expected.items() if name != "shard-00001.h5"}


def test_local_workers_keep_the_memory_that_they_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MALLOC_TRIM_THRESHOLD_", raising=False)
    with local_cluster(1, 1, "cpu") as cluster, Client(cluster) as client:
        assert list(client.run(os.environ.get, "MALLOC_TRIM_THRESHOLD_").values()) == [None]


def test_a_machine_that_does_not_reach_itself_is_told() -> None:
    alone = ["unshare", "--user", "--net"]
    if not shutil.which("unshare") or subprocess.run([*alone, "true"], capture_output=True).returncode:
        pytest.skip("no network can be taken from a process here")
    start = "from dgf.pipeline.jobs.cluster import local_cluster\nwith local_cluster(1, 1, 'cpu'): pass"
    told = subprocess.run(
        [*alone, sys.executable, "-c", start],
        env=ENVIRONMENT | {"DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "2s"},
        capture_output=True,
        text=True,
    )
    assert "UserError: the local workers do not start" in told.stderr


def test_no_scheduler_at_the_address(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dgf.pipeline.jobs.cluster.CONNECT_SECONDS", 1)
    job = tiny_job(root, root)
    for address in ("tcp://127.0.0.1:1", "nonsense"):
        with pytest.raises(UserError, match="No Dask scheduler answers at"):
            run_job(job, [0], scheduler=address)


def test_a_worker_that_cannot_do_the_job_says_why(root: Path, tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text('{"kind": "features"}')
    with pytest.raises(UserError, match=r"plan\.json is not there.*\n.*`dgf extract-features"):
        run_job(tiny_job(root, tmp_path), [0], workers=1)


def test_a_worker_with_another_version_is_refused(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    init = JobPlugin.__init__

    def older(self: JobPlugin, *arguments: object) -> None:
        init(self, *arguments)  # type: ignore[arg-type]
        self._version = "0.0.1"

    monkeypatch.setattr(JobPlugin, "__init__", older)
    with pytest.raises(UserError, match=r"has dgf .*, this is 0\.0\.1"):
        run_job(tiny_job(root, root), [0], workers=1)


def test_nothing_to_do_starts_nothing(root: Path) -> None:
    run_job(tiny_job(root, root / "nowhere"), [], workers=2, scheduler="tcp://127.0.0.1:1")
