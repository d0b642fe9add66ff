"""`dgf predict` over a stream: every line has its answer or its fault, in order, in each format."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import dgf as api
from support import ENVIRONMENT
from support.command import Outcome, dgf
from support.seen_world import SeenWorld

ADA: dict[str, Any] = {"text": "Ada met Bo & Cy", "head": {"span": [0, 3]}, "tail": {"span": [8, 10]}}
MENTIONS = [{"span": [0, 3]}, {"span": [8, 10]}, {"span": [13, 15]}]
POSTS = [{**ADA, "text": f"Ada met Bo {'again ' * n}", "image": "gone.png"} for n in range(6)]


def ask(world: SeenWorld, *lines: object, words: tuple[object, ...] = ()) -> Outcome:
    text = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)
    return dgf("predict", world.run, "-", "--device", "cpu", *words, stdin=text.encode())


def rows_of(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_bad_line_is_answered_with_its_fault_and_the_rest_goes_on(world: SeenWorld) -> None:
    lines = (ADA, "{oops", {**ADA, "id": "b", "tail": {"span": [8, 99]}}, {**ADA, "id": "c", "image": "../x.png"}, ADA)
    done = ask(world, *lines)
    rows = rows_of(done.out)
    assert done.code == 3 and [row["id"] for row in rows] == ["posts:1", None, "b", "c", "posts:5"]
    assert [row.get("line") for row in rows] == [None, 2, 3, None, None]
    faults = ("not JSON", "out of range", "leads outside the data folder")
    assert all(words in row["error"] for words, row in zip(faults, rows[1:4], strict=True))
    assert rows[0]["relation"] == rows[4]["relation"] and "3 could not be answered" in done.err

    done = ask(world, *lines, words=("--on-error", "skip"))
    assert done.code == 3 and [row["id"] for row in rows_of(done.out)] == ["posts:1", "posts:5"]
    assert "skipped  -:2: not JSON" in done.err
    done = ask(world, *lines, words=("--on-error", "stop", "--batch-size", "1"))
    assert done.code == 1 and "-:2: not JSON" in done.err and len(rows_of(done.out)) == 1
    assert ask(world, "").code == 1


def test_half_a_surrogate_pair_ends_nothing(world: SeenWorld, tmp_path: Path) -> None:
    for words in ((), ("--format", "csv"), ("--out", tmp_path / "out.jsonl")):
        done = ask(world, ADA, {**ADA, "id": "\ud800"}, {**ADA, "\ud800": 1, "image": "\ud800"}, words=words)
        assert done.code == 3 and "2 could not be answered" in done.err, done.said


def test_an_interrupted_stream_says_what_is_left(world: SeenWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("dgf.workflows.predict.command.PostAnswerer", interrupt)
    done = ask(world, ADA)
    assert (
        done.code == 130
        and "the answers end here; the same command begins from the first" in done.err
        and "continues from it" not in done.err
    )


def test_the_answers_are_those_of_python(world: SeenWorld) -> None:
    path = world.posts / "test.jsonl"
    done = dgf("predict", world.run, path, "--device", "cpu", "--top", "99")
    answers = list(api.load(world.run, device="cpu").predict_many(rows_of(path.read_text()), photos=world.posts))
    assert done.code == 0 and [api.Answer.of_row(row) for row in rows_of(done.out)] == answers
    assert {len(row["best"]) for row in rows_of(done.out)} == {3} and "0 of them" in done.err
    one = rows_of(dgf("predict", world.run, path, "--device", "cpu", "--top", "1").out)
    assert {len(row["best"]) for row in one} == {1}


def test_a_data_set_is_answered_as_its_file_is(world: SeenWorld, tmp_path: Path) -> None:
    """Through shards of several photos a batch: the photos' last bits are others."""
    whole = dgf("predict", world.run, world.posts, "--device", "cpu", "--work", tmp_path / "work")
    streamed = dgf("predict", world.run, world.posts / "test.jsonl", "--device", "cpu")
    assert whole.code == streamed.code == 0, whole.said
    by_id = {row["id"]: row for row in rows_of(whole.out)}
    for row in rows_of(streamed.out):
        assert row["relation"] == by_id[row["id"]]["relation"]
        assert row["probability"] == pytest.approx(by_id[row["id"]]["probability"], abs=1e-3)
    refused = dgf("predict", world.run, world.posts, "--pairs", "all")
    assert refused.code == 1 and "--pairs all" in refused.err
    (tmp_path / "posts.csv").write_text("text,head,tail\nAda met Bo,Ada,Bo\n")
    refused = dgf("predict", world.run, tmp_path / "posts.csv", "--pairs", "all")
    assert refused.code == 1 and "--pairs all goes with one JSONL file" in refused.err
    refused = dgf("predict", world.run, world.posts, "--on-error", "answer")
    assert refused.code == 1 and "--on-error stop or skip" in refused.err


def test_every_ordered_pair_of_mentions_is_answered_as_if_it_stood_alone(world: SeenWorld) -> None:
    post = {"id": "a", "text": ADA["text"], "mentions": MENTIONS}
    done = ask(world, post, ADA, {**post, "mentions": MENTIONS[:1]}, words=("--pairs", "all"))
    rows = rows_of(done.out)
    ids = ["a#0-1", "a#0-2", "a#1-0", "a#1-2", "a#2-0", "a#2-1"]
    assert done.code == 3 and [row["id"] for row in rows] == [*ids, "posts:2", "a"]
    assert [(row["head"], row["tail"]) for row in rows[1:3]] == [("Ada", "Cy"), ("Bo", "Ada")]
    assert rows[0]["probability"] == pytest.approx(rows[6]["probability"], abs=2e-6)
    assert "1 mentions make no pair" in rows[7]["error"]


def test_a_threshold_leaves_out_what_is_less_probable_and_no_relation(world: SeenWorld) -> None:
    posts = rows_of((world.posts / "test.jsonl").read_text())
    words = ("--missing-images", "text-only")
    every = rows_of(ask(world, *posts, words=words).out)
    middle = sorted(row["probability"] for row in every)[3]
    kept = rows_of(ask(world, *posts, words=(*words, "--threshold", middle)).out)
    assert kept == [row for row in every if row["relation"] != "None" and row["probability"] >= middle]
    for wrong in ("nan", "inf", "2"):
        assert dgf("predict", world.run, "-", "--threshold", wrong).code == 2
    assert len(every) - len(kept) > 0


def test_graphs_leave_out_no_relation_and_tell_of_faults_aside(world: SeenWorld) -> None:
    every = rows_of(ask(world, *POSTS, "{", words=("--missing-images", "text-only")).out)[:-1]
    done = ask(world, *POSTS, "{", words=("--missing-images", "text-only", "--format", "rdf"))
    said = [line for line in done.out.splitlines() if line.endswith("22-rdf-syntax-ns#Statement> .")]
    assert done.code == 3 and len(said) == sum(row["relation"] != "None" for row in every)
    assert f"unanswered  -:{len(POSTS) + 1}: not JSON" in done.err and done.out.startswith("# answers of dgf predict")


def test_a_file_appears_whole_and_only_answers_are_replaced(world: SeenWorld, tmp_path: Path) -> None:
    for form in ("jsonl", "csv", "graphml", "rdf"):
        out = tmp_path / f"answers.{form}"
        (tmp_path / ".part-0123456789ab-answers").touch()  # of a process that is gone
        words = ("--format", form, "--out", out)
        assert ask(world, ADA, "{", words=words).code == 3 and out.read_bytes() and list(tmp_path.iterdir())
        before = out.read_bytes()
        assert ask(world, ADA, "{", words=words).code == 3 and out.read_bytes() == before
        assert ask(world, "{", "{", words=words).code == 1 and out.read_bytes() == before
        out.write_text("mine\n")
        assert "not overwritten" in ask(world, ADA, words=words).err and out.read_text() == "mine\n"
    assert len(list(tmp_path.iterdir())) == 4


def test_a_closed_pipe_ends_it_without_a_word(world: SeenWorld, tmp_path: Path) -> None:
    (tmp_path / "posts.jsonl").write_text((json.dumps(ADA) + "\n") * 20_000)
    script = "from dgf.cli.main import main; main()"
    words = [sys.executable, "-c", script, "predict", str(world.run), str(tmp_path / "posts.jsonl"), "--device", "cpu"]
    started = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT)
    assert started.stdout is not None and started.stderr is not None
    first = json.loads(started.stdout.readline())
    started.stdout.close()
    said = started.stderr.read()
    started.stderr.close()
    assert first["id"] == "posts:1" and started.wait(120) == 1 and said == b""
