"""Small runs of `dgf train --seeds` and `dgf tune`, as a user makes them."""

import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from dgf.pipeline.files import read_record, write_record
from dgf.workflows.config import load_config
from support import ENVIRONMENT
from support.command import Outcome, dgf
from support.small_world import RELATIONS, TINY, write_posts

WORDS = (*TINY, "optim.epochs=3", "optim.learning_rate=3e-3")
OPTIONS = ("--preset", "demo", "--missing-images", "text-only", "--device", "cpu")


@pytest.fixture(scope="module")
def posts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_posts(tmp_path_factory.mktemp("world") / "posts")


def seeds(posts: Path, out: Path, *more: object, words: tuple[str, ...] = WORDS) -> Outcome:
    return dgf("train", posts, *words, *OPTIONS, "--out", out, *more)


def tuned(tmp_path: Path, posts: Path, *more: object, space: str = "optim.learning_rate: [1e-5, 3e-3]") -> Outcome:
    (tmp_path / "space.yaml").write_text(space)
    return dgf("tune", tmp_path / "space.yaml", posts, *TINY, *OPTIONS, "--out", tmp_path / "tuned", *more)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Weights are the same bit for bit on one thread; an extraction before this in one process may have set more."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def stamps(folder: Path) -> dict[str, int]:
    """When each model was written."""
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in folder.rglob("model.*")}


def best_f1(run: Path) -> float:
    return max(json.loads(line)["val"]["f1"] for line in (run / "metrics.jsonl").read_text().splitlines())


def test_seeds_are_runs_of_their_own_with_one_table_and_are_not_run_again(posts: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = seeds(posts, out, "--seeds", "0,4", "--workers", 2)
    assert done.code == 0, done.said
    configs = {seed: load_config(out / f"seed-{seed}" / "config.yaml") for seed in (0, 4)}
    assert [(config.seed, config.model.seed) for config in configs.values()] == [(0, 0), (4, 4)]
    told = json.loads((out / "seeds.json").read_text())
    f1 = [best_f1(out / f"seed-{seed}") for seed in (0, 4)]
    assert [run["f1"] for run in told["runs"]] == f1 and [run["seed"] for run in told["runs"]] == [0, 4]
    assert told["figures"]["f1"] == pytest.approx({"mean": statistics.mean(f1), "deviation": statistics.stdev(f1)})
    table = (out / "seeds.md").read_text()
    assert f"{100 * statistics.mean(f1):.2f} +- {100 * statistics.stdev(f1):.2f}" in table and table in done.out + "\n"

    # the same as a run alone, and not run again
    before = stamps(out)
    again = seeds(posts, out, "--seeds", "0,4", "--resume")
    assert again.code == 0 and stamps(out) == before and table in again.out + "\n"
    assert seeds(posts, tmp_path / "alone", words=(*WORDS, "seed=4")).code == 0
    alone, one = (load_file(folder / "model.safetensors") for folder in (tmp_path / "alone", out / "seed-4"))
    assert all(bool((alone[name] == tensor).all()) for name, tensor in one.items())

    # one more seed, and their figures on the test split
    assert "--resume" in seeds(posts, out, "--seeds", "0,4,5").said
    assert seeds(posts, out, "--seeds", "0,4,5", "--resume").code == 0
    assert {name: at for name, at in stamps(out).items() if "seed-5" not in name} == before
    shown = dgf("eval", *sorted(out.glob("seed-*")), "--device", "cpu")
    reports = [json.loads((out / f"seed-{seed}" / "eval-test" / "report.json").read_text()) for seed in (0, 4, 5)]
    scores = [100 * report["scores"]["accuracy"] for report in reports]
    assert "mean and deviation over 3 runs" in shown.out
    assert f"accuracy {statistics.mean(scores):7.2f} +- {statistics.stdev(scores):.2f}" in shown.out


def test_a_seed_that_fails_stops_no_other(posts: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert seeds(posts, out, "--seeds", "0,1").code == 0
    (out / "seed-0" / "model.json").unlink()
    (out / "seed-0" / "checkpoints" / "last.pt").write_bytes(b"damaged")
    done = seeds(posts, out, "--seeds", "0,1,2", "--resume")
    told = json.loads((out / "seeds.json").read_text())
    assert done.code == 3 and [run["seed"] for run in told["runs"]] == [1, 2]
    assert told["failed"].keys() == {"0"} and "last.pt" in told["failed"]["0"] and "seed 0 failed" in done.out


def test_wrong_uses_of_seeds(posts: Path, tmp_path: Path) -> None:
    assert dgf("train", posts, "--out", tmp_path / "out", "--workers", 2).code == 2
    for other in (("--processes", 2), ("--tensorboard",)):
        refused = seeds(posts, tmp_path / "out", "--seeds", "0", *other)
        assert refused.code == 2 and "are for one run" in refused.err
    assert dgf("train", "--resume", "--seeds", "0", "--out", tmp_path / "out").code == 2
    assert "names the seeds already" in seeds(posts, tmp_path / "out", "--seeds", "0", words=(*WORDS, "seed=1")).said
    assert seeds(posts, tmp_path / "run", words=(*WORDS, "optim.epochs=1")).code == 0
    assert "is the folder of one run" in seeds(posts, tmp_path / "run", "--seeds", "0").said
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "seeds.json").write_text("[1]")
    assert "dgf did not write it" in seeds(posts, tmp_path / "mine", "--seeds", "0").said
    assert not (tmp_path / "mine" / "seed-0").exists() and not (tmp_path / "out").exists()


def test_seeds_killed_and_started_again(posts: Path, tmp_path: Path) -> None:
    words = (*WORDS, "optim.epochs=6")
    command = [str(word) for word in ("train", posts, *words, *OPTIONS, "--seeds", "0,1", "--resume")]
    start = [sys.executable, "-c", "from dgf.cli.main import main; main()", *command, "--out"]
    second = tmp_path / "killed" / "seed-1"
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen([*start, str(tmp_path / "killed")], env=ENVIRONMENT, stderr=log, stdout=log)
        deadline = time.monotonic() + 120
        while not (second / "metrics.jsonl").is_file() and time.monotonic() < deadline:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert (second / "metrics.jsonl").is_file() and not (second / "model.json").exists(), "the kill came too late"
    before = stamps(tmp_path / "killed")
    assert seeds(posts, tmp_path / "killed", "--seeds", "0,1", "--resume", words=words).code == 0
    assert {name: at for name, at in stamps(tmp_path / "killed").items() if "seed-0" in name} == before
    assert seeds(posts, tmp_path / "whole", "--seeds", "0,1", words=words).code == 0
    killed, whole = (load_file(tmp_path / name / "seed-1" / "model.safetensors") for name in ("killed", "whole"))
    assert all(bool((killed[name] == tensor).all()) for name, tensor in whole.items())


@pytest.mark.parametrize("command", ["seeds", "tune"])
def test_sigterm_saves_the_run_under_way_and_begins_no_other(command: str, posts: Path, tmp_path: Path) -> None:
    out = tmp_path / ("tuned" if command == "tune" else "out")

    def end() -> None:
        """Ask the process to end, once a run has an epoch behind it."""
        while not any(out.rglob("metrics.jsonl")):
            time.sleep(0.005)
        os.kill(os.getpid(), signal.SIGTERM)

    asking = threading.Thread(target=end, daemon=True)
    asking.start()
    words = (*TINY, "optim.epochs=60")
    if command == "seeds":
        done = seeds(posts, out, "--seeds", "0,1", words=words)
    else:
        done = tuned(tmp_path, posts, "optim.epochs=60", "--seeds", "0,1", space="model.dropout: [0.1, 0.2]")
    asking.join()
    assert done.code == 143 and "asked to end (SIGTERM) with 0 of" in done.err, done.said
    [run] = [file.parent for file in out.rglob("config.yaml")]
    assert (run / "checkpoints" / "last.pt").is_file() and not (run / "model.json").exists()
    assert not (out / "seeds.json").exists() and not (out / "tune.json").exists()


def test_the_best_trial_by_validation_becomes_a_configuration(posts: Path, tmp_path: Path) -> None:
    done = tuned(tmp_path, posts, "--trials", 2, "--seeds", "1,2")
    assert done.code == 0, done.said
    out = tmp_path / "tuned"
    told = json.loads((out / "tune.json").read_text())
    means = [
        statistics.mean(best_f1(out / trial["folder"] / f"seed-{seed}") for seed in (1, 2)) for trial in told["trials"]
    ]
    assert [trial["figures"]["f1"]["mean"] for trial in told["trials"]] == pytest.approx(means)
    before = stamps(out)

    # figures under which one trial has the best run, and the other the best mean
    lucky, steady = (trial["folder"] for trial in told["trials"])
    for folder, f1 in ((lucky, (0.9, 0.1)), (steady, (0.6, 0.6))):
        for seed, figure in zip((1, 2), f1, strict=True):
            file = out / folder / f"seed-{seed}" / "metrics.jsonl"
            epochs = [json.loads(line) for line in file.read_text().splitlines()]
            for epoch in epochs:
                epoch["val"]["f1"] = figure if epoch["epoch"] == 2 else 0.0
            file.write_text("".join(json.dumps(epoch) + "\n" for epoch in epochs))
    assert tuned(tmp_path, posts, "--trials", 2, "--seeds", "1,2").code == 0 and stamps(out) == before
    trials = json.loads((out / "tune.json").read_text())["trials"]
    assert [trial["folder"] for trial in trials] == [steady, lucky]
    assert [trial["figures"]["f1"]["mean"] for trial in trials] == pytest.approx([0.6, 0.5])
    assert [run["best_epoch"] for trial in trials for run in trial["runs"]] == [2] * 4
    assert (out / "tune.md").read_text().index(steady) < (out / "tune.md").read_text().index(lucky)

    # its keys make its runs again
    trained = dgf(
        *("train", posts, "--config", out / "best.yaml", "--seeds", "1", "--out", tmp_path / "best", "--device", "cpu")
    )
    assert trained.code == 0, trained.said
    config = load_config(tmp_path / "best" / "seed-1" / "config.yaml")
    assert config == load_config(out / steady / "seed-1" / "config.yaml")
    again, one = (load_file(run / "seed-1" / "model.safetensors") for run in (tmp_path / "best", out / steady))
    assert all(bool((again[name] == tensor).all()) for name, tensor in one.items())

    # another value runs its trial alone
    more = tuned(tmp_path, posts, "--seeds", "1,2", space="optim.learning_rate: [1e-5, 1e-4, 3e-3]")
    after = stamps(out)
    assert more.code == 0 and len(after) == len(before) * 3 // 2 and before.items() <= after.items()


def test_finished_runs_on_other_data_are_not_taken_for_runs_on_this(tmp_path: Path) -> None:
    own = write_posts(tmp_path / "posts")
    words = (*TINY, "optim.epochs=1")
    assert seeds(own, tmp_path / "out", "--seeds", "0", words=words).code == 0
    assert tuned(tmp_path, own, "optim.epochs=1", space="model.dropout: [0.1]").code == 0
    for split, refused in (("test", False), ("val", True)):
        file = own / f"{split}.jsonl"
        file.write_text(file.read_text().replace("joins", "leaves"))
        again = (
            seeds(own, tmp_path / "out", "--seeds", "0,1", "--resume", words=words),
            tuned(tmp_path, own, "optim.epochs=1", space="model.dropout: [0.1]"),
        )
        for done in again:
            told = "what it was trained on has changed since (posts of the split val)" in done.err
            assert (done.code, told) == (int(refused), refused), done.said

    # a run of an older version does not say what it was given
    facts = read_record(tmp_path / "out" / "seed-0" / "data.json")
    write_record(tmp_path / "out" / "seed-0" / "data.json", {k: v for k, v in facts.items() if k != "inputs"})
    assert seeds(own, tmp_path / "out", "--seeds", "0", "--resume", words=words).code == 0


@pytest.mark.parametrize("test_rows", ["absent", "turned"])
def test_no_test_row_has_a_say(test_rows: str, posts: Path, tmp_path: Path) -> None:
    tables = []
    for name in ("as-it-is", test_rows):
        copy = tmp_path / name / "posts"
        shutil.copytree(posts, copy)
        if name == "absent":
            (copy / "test.jsonl").unlink()
        elif name == "turned":
            write_posts(tmp_path / "other", relations=RELATIONS[::-1])
            text = (tmp_path / "other" / "test.jsonl").read_text().replace("joins", "leaves")
            (copy / "test.jsonl").write_text(text)
        done = tuned(tmp_path / name, copy)
        assert done.code == 0, done.said
        told = json.loads((tmp_path / name / "tuned" / "tune.json").read_text())
        tables.append([(trial["values"], trial["figures"]) for trial in told["trials"]])
    assert tables[0] == tables[1]


def test_nothing_is_run_where_the_space_has_a_fault(posts: Path, tmp_path: Path) -> None:
    done = tuned(tmp_path, posts, space="optim.learning_rate: []\nmodel.plmm: [full]\ndata.max_length: [0]")
    assert done.code == 1 and "3 fault(s)" in done.err and not (tmp_path / "tuned").exists()
    (tmp_path / "tuned").mkdir()
    (tmp_path / "tuned" / "best.yaml").write_text("mine: 1\n")
    assert "dgf did not write it" in tuned(tmp_path, posts).said
    assert os.listdir(tmp_path / "tuned") == ["best.yaml"]
