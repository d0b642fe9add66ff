"""SIGKILL at random moments, then the same command again: the same bytes, nothing left over, nothing done twice.

A few kills in the ordinary run; `DGF_KILLS=30` for as many of each kind.
"""

import hashlib
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from dgf.pipeline.shards import ShardFolder
from support import ENVIRONMENT
from support.posts_of import DETECTOR, posts_of
from support.tiny_job import paint

Command = Callable[[Path, int], list[str]]
State = dict[str, tuple[int, int]]


def tiny(folder: Path) -> Command:
    """The runner, the commit protocol and the workers with networks that are a few lines of numpy."""
    paint(folder, 40)
    return lambda out, workers: [sys.executable, "-m", "support.tiny_job", str(folder), str(out), str(workers)]


def real(folder: Path) -> Command:
    """The command itself, with a narrow detectron2 and VGG16."""
    posts = posts_of(folder, paint(folder, 18))
    options = ["--detector", DETECTOR, "--weights", "random", "--vgg-weights", "random", "--shard-size", "4"]
    start = [sys.executable, "-c", "from dgf.cli.main import main; main()", "extract-features", str(posts)]
    return lambda out, workers: [
        *start, "--out", str(out), *options, "--threads", "1", "--device", "cpu", "--workers", str(workers),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("make", "kills"), [(tiny, 4), pytest.param(real, 2, marks=pytest.mark.long)], ids=["tiny", "real"]
)
def test_killed_at_random_moments_and_resumed(make: Callable[[Path], Command], kills: int, tmp_path: Path) -> None:
    command = make(tmp_path / "photos")
    run(command(tmp_path / "undisturbed", 0))
    expected = digests(tmp_path / "undisturbed")
    assert len(expected) > 4
    moments = random.Random(7)
    kept = 0
    for number in range(int(os.environ.get("DGF_KILLS", kills))):
        out = tmp_path / f"kill-{number}"
        victim = ("driver", "worker")[number % 2]
        story = disturb(command(out, 2), out, victim, moments)
        before = finished(out)
        run(command(out, 2 if number % 3 == 0 else 0))
        assert digests(out) == expected, story
        after = finished(out)
        assert {name: after[name] for name in before} == before, f"{story}: a committed shard was made again"
        assert not [path for path in out.iterdir() if path.name.startswith(".")], story
        kept += len(before)
        print(f"kill {number}: {story}; {len(before)} of {len(expected)} shards were committed before the resumption")
    assert kept, "no kill came late enough to leave anything: the test tries too little"


def disturb(command: list[str], out: Path, victim: str, moments: random.Random) -> str:
    """Starts the command and kills the driver, or one of its workers, at a random moment of its life."""
    driver = psutil.Popen(command, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    started = time.monotonic()
    late = moments.random() < 0.8
    while late and not list(out.glob("shard-*")) and driver.poll() is None:
        time.sleep(0.005)
    delay = moments.uniform(0, 1.5)
    time.sleep(delay)
    family = driver.children(recursive=True) if driver.poll() is None else []
    workers = [process for process in family if "spawn_main" in " ".join(process.cmdline())]
    where = f"{victim} {delay:.2f} s after {'the first shard' if late else 'the start'}"
    if victim == "worker" and workers:
        moments.choice(workers).kill()
        assert driver.wait(120) == 0, f"the driver failed when its worker died ({where})"
        return where
    if driver.poll() is None:
        driver.kill()
    driver.wait(60)
    _, alive = psutil.wait_procs(family, timeout=60)
    assert not alive, f"workers outlive their driver ({where})"
    return f"{where}, {time.monotonic() - started:.1f} s old"


def run(command: list[str]) -> None:
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr


def digests(out: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(out.glob("*.h5"))}


def finished(out: Path) -> State:
    """Every shard with a marker that vouches for it, and which file on the disk it is."""
    state = {}
    if (out / "settings.json").is_file():
        folder = ShardFolder.open(out)
        for path in out.glob("shard-*.json"):
            marker = folder.committed(int(path.stem.removeprefix("shard-")))
            if marker is not None:
                status = (out / marker.file).stat()
                state[marker.file] = (status.st_ino, status.st_mtime_ns)
    return state
