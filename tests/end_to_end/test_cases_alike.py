"""Other inputs of the kinds in `test_cases`, made here: none of them needs the research data."""

import json
import os
import shutil
from pathlib import Path

import pytest

from support.command import dgf
from support.hf_models import gpt2
from support.small_world import TINY, write_posts, write_shards

HORSE = "\N{HORSE}"
POST = {"tokens": ["Ada", "met", "Bram"], "head": {"span": [0, 1]}, "tail": {"span": [2, 3]}}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that reads features and captions, and beside it the posts, features and captions."""
    root = tmp_path_factory.mktemp("world")
    write_shards(write_posts(root / "posts"), root / "features", root / "captions")
    shards = ("--features", root / "features", "--captions", root / "captions")
    assert dgf("train", root / "posts", *shards, "--out", root / "run", "--preset", "demo", *TINY).code == 0
    return root / "run"


def write(path: Path, *rows: object) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def facts(path: Path, *words: object) -> dict[str, object]:
    found: dict[str, object] = json.loads(dgf("validate", path, "--json", *words).out)
    return found


def unit_row(name: str | None = None, **more: object) -> dict[str, object]:
    """A row whose spans count UTF-16 units."""
    text = {} if name is None else {"text": name}
    head, tail = {"span": [3, 6], **text}, {"span": [11, 15]} | ({} if name is None else {"text": "Bram"})
    return {"text": f"{HORSE} Ada met Bram", "head": head, "tail": tail, **more}


def test_a_repaired_copy_keeps_to_one_unit(tmp_path: Path) -> None:
    mixed = write(tmp_path / "mixed.jsonl", unit_row("Ada"), unit_row())
    done = dgf("validate", mixed, "--fix", tmp_path / "left.jsonl")
    assert "spans left as they are" in done.out and "--span-unit utf16 with --fix" in done.out
    dgf("validate", mixed, "--span-unit", "utf16", "--fix", tmp_path / "fixed.jsonl")
    found = facts(tmp_path / "fixed.jsonl")
    assert found["faults"] == [] and found["warnings"] == []
    assert json.loads((tmp_path / "fixed.jsonl").read_text().splitlines()[1])["head"]["span"] == [2, 5]


def test_a_repaired_copy_of_mnre_keeps_what_other_programs_want(tmp_path: Path) -> None:
    (tmp_path / "txt").mkdir()
    row = {"token": ["Ada", "met", "Bram"], "h": {"name": "Ada", "pos": [0, 1]}, "t": {"name": "Bram", "pos": [2, 3]}}
    rows = [{**row, "img_id": None, "relation": "None"}, {**row, "img_id": "", "relation": "\\/per\\/per\\/peer"}]
    (tmp_path / "txt" / "ours_train.txt").write_text("".join(f"{row!r}\n" for row in rows))
    dgf("validate", tmp_path, "--fix", tmp_path.parent / "copy")
    found = facts(tmp_path.parent / "copy")
    assert found["faults"] == [] and list(found["splits"]["train"]["relations"]) == ["None", "/per/per/peer"]  # type: ignore[index,call-overload]
    shutil.rmtree(tmp_path.parent / "copy")


def test_fix_refuses_a_place_before_it_reads_anything(tmp_path: Path) -> None:
    posts = write(tmp_path / "posts.jsonl", POST)
    for out in (posts, tmp_path / "copy"):
        done = dgf("validate", posts, "--fix", out)
        assert done.code == 1 and "--fix" in done.err and done.out == ""


def test_a_span_beyond_the_text_may_count_utf16_units(tmp_path: Path) -> None:
    row = {"text": f"{HORSE} Bo", "head": {"span": [0, 1]}, "tail": {"span": [3, 5]}}
    done = dgf("validate", write(tmp_path / "a.jsonl", row))
    assert done.code == 1 and "out of range" in done.out and "--span-unit utf16" in done.out


def test_json_rows_of_mnre_may_have_space_and_must_not_have_a_key_twice(tmp_path: Path) -> None:
    row = '{ "token": ["Ada", "Bram"], "h": {"name": "Ada", "pos": [0, 1]}, "t": {"name": "Bram", "pos": [1, 2]}, '
    lines = [f'{row}"img_id": null, "relation": null}}', f'{row}"img_id": "a", "img_id": "b"}}', f'{row}"img_id": x}}']
    (tmp_path / "ours_train.txt").write_text("\n".join(lines))
    found = facts(tmp_path)
    told = [str(fault["fault"]) for fault in found["faults"]]  # type: ignore[attr-defined]
    assert [number["line"] for number in found["faults"]] == [2, 3]  # type: ignore[attr-defined]
    assert "a key appears twice" in told[0] and "Expecting value" in told[1]


def test_answers_merged_into_posts_are_not_taken_for_answers(run: Path, tmp_path: Path) -> None:
    row = {**POST, "id": "a", "relation": "None", "probability": 0.5, "best": {}}
    for path in (write(tmp_path / "posts.jsonl", row), write(tmp_path / "other.jsonl", row)):
        before = path.read_bytes()
        done = dgf("predict", run, tmp_path / "posts.jsonl", "--out", path)
        assert done.code == 1 and "not overwritten" in done.err and path.read_bytes() == before


def test_predict_says_what_its_own_options_can_do(run: Path, tmp_path: Path) -> None:
    shown = write(tmp_path / "shown.jsonl", {**POST, "image": "photos/Gone.jpg"})
    (tmp_path / "gone.jpg").write_bytes(b"x")
    done = dgf("predict", run, shown)
    assert done.code == 1 and "there is gone.jpg" in done.err and "looked for in" in done.err
    assert "--features" not in done.err and "FEATURES" not in done.err
    (tmp_path / "work").write_text("mine")
    done = dgf("predict", run, write(tmp_path / "a.jsonl", POST), "--work", tmp_path / "work")
    assert done.code == 1 and "--work" in done.err and (tmp_path / "work").read_text() == "mine"


def test_predict_does_not_mind_relations(run: Path, tmp_path: Path) -> None:
    (tmp_path / "relations.json").write_text('{"None": 0}')
    assert dgf("predict", run, write(tmp_path / "a.jsonl", {**POST, "relation": "weird"})).code == 0


def test_a_pipe_is_read_like_a_file(run: Path) -> None:
    out, into = os.pipe()
    os.write(into, (json.dumps(POST) + "\n").encode())
    os.close(into)
    done = dgf("predict", run, f"/dev/fd/{out}")
    os.close(out)
    assert done.code == 0 and json.loads(done.out)["id"] == "posts:1"


def test_inspect_sees_that_a_shard_is_gone_or_something_else(run: Path, tmp_path: Path) -> None:
    features = Path(shutil.copytree(run.parent / "features", tmp_path / "features"))
    (features / "shard-00001.h5").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    (features / "shard-00000.h5").unlink()
    done = dgf("inspect", features)
    assert done.code == 1 and "shard-00000.h5 is not there" in done.out and "it is a Git LFS pointer" in done.out


def test_captions_of_a_data_set_in_utf16_units(run: Path, tmp_path: Path) -> None:
    posts = tmp_path / "posts"
    shutil.copytree(run.parent / "posts", posts)
    write(posts / "test.jsonl", unit_row(image="test-0.png", relation="None"))
    words = (
        "--features",
        run.parent / "features",
        "--out",
        tmp_path / "c",
        "--oscar",
        "random",
        "--span-unit",
        "utf16",
    )
    done = dgf("caption", posts, *words)
    assert done.code in (0, 3) and "names 10 photos, 10 of them" in done.out and "--span-unit" not in done.said


def test_an_unused_file_of_a_model_is_no_hindrance(tmp_path: Path) -> None:
    folder = gpt2(tmp_path / "lm")
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
    (folder / "pytorch_model.bin").write_text(pointer)
    (folder / "requirements.txt").touch()
    posts = write_posts(tmp_path / "posts")
    words = ("--missing-images", "text-only", "--preset", "demo", f"language_model={folder}", *TINY[1:])
    assert dgf("train", posts, "--out", tmp_path / "run", *words).code == 0
    (folder / "tokenizer.json").write_text(pointer)
    done = dgf("train", posts, "--out", tmp_path / "run-2", *words)
    assert done.code == 1 and "tokenizer.json" in done.err and "a Git LFS pointer" in done.err


def test_names_that_look_alike_show_their_code_points(tmp_path: Path) -> None:
    (tmp_path / "Cafe\u0301.jpg").write_bytes(b"x")
    done = dgf("validate", write(tmp_path / "a.jsonl", {**POST, "image": "Caf\u00e9.jpg"}))
    assert "U+0301" in done.out


def test_types_in_posts_that_no_relation_names_are_warned_of(tmp_path: Path) -> None:
    posts = write_posts(tmp_path / "posts")
    for split in ("train", "val", "test"):
        rows = [json.loads(line) for line in (posts / f"{split}.jsonl").read_text().splitlines()]
        for row in rows:
            row["head"]["type"] = "PER"
        write(posts / f"{split}.jsonl", *rows)
    words = ("--missing-images", "text-only", "--preset", "demo", *TINY)
    done = dgf("train", posts, "--out", tmp_path / "run", *words)
    assert done.code == 0 and "PER (did you mean per?)" in done.err
