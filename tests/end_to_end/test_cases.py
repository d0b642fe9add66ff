"""Inputs that people really have, through the command line: read as a person means them, or refused with what they are.

The files are those of the research data (`shared/cases`); each test says in which row of its table it stands.
"""

import gzip
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

from support.command import Outcome, dgf

DETECTOR = ["--detector", "torchvision:fasterrcnn_mobilenet_v3_large_320_fpn", "--weights", "random"]
NETWORKS = [*DETECTOR, "--vgg-weights", "random", "--min-size", "64", "--max-size", "64"]
TINY = ["--preset", "demo", "language_model=random:gpt2?n_layer=1&n_embd=32&n_head=2", "optim.epochs=1"]
HORSE = "\N{HORSE}"


@dataclass(frozen=True)
class World:
    """The cases, and what was made once from their base: features, captions, a run."""

    cases: Path
    made: Path
    here: Path

    @property
    def base(self) -> Path:
        return self.cases / "base"

    @property
    def run(self) -> Path:
        return self.made / "run"

    def copy(self, name: str) -> Path:
        """A copy that may be changed of a case or of something made."""
        source = self.cases / name if (self.cases / name).exists() else self.made / name
        target = self.here / Path(name).name
        if source.is_dir():
            shutil.copytree(source, target, copy_function=shutil.copyfile)
            for folder in [target, *(path for path in target.rglob("*") if path.is_dir())]:
                folder.chmod(0o755)
        else:
            shutil.copyfile(source, target)
        return target

    def rows(self, *rows: object, name: str = "posts.jsonl") -> Path:
        """A file of posts."""
        path = self.here / name
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return path

    def train(self, *words: str, data: Path | None = None, features: bool = False) -> Outcome:
        paths = ["--features", str(self.made / "features")] if features else ["--missing-images", "text-only"]
        return dgf("train", str(data or self.base), *paths, "--out", str(self.here / "new"), *TINY, *words)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def made(shared_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    base, made = str(shared_dir / "cases" / "base"), tmp_path_factory.mktemp("made")
    features, captions = str(made / "features"), str(made / "captions")
    commands: Sequence[Sequence[str]] = (
        ("extract-features", base, "--out", features, "--shard-size", "5", *NETWORKS),
        ("caption", base, "--features", features, "--out", captions, "--oscar", "random"),
        ("train", base, "--features", features, "--captions", captions, "--out", str(made / "run"), *TINY),
    )
    for command in commands:
        assert (done := dgf(*command)).code in (0, 3), done.said
    return made


@pytest.fixture
def world(shared_dir: Path, made: Path, tmp_path: Path) -> World:
    return World(shared_dir / "cases", made, tmp_path)


# Weights and language models (1, 2, 26)


@pytest.mark.parametrize(("folder", "what"), [("lfs", "a Git LFS pointer"), ("html", "429 Too Many Requests")])
def test_1_a_language_model_of_pointers_or_pages_is_named(world: World, folder: str, what: str) -> None:
    done = world.train(f"language_model={world.cases / 'lm' / folder}")
    assert done.code == 1 and "model.safetensors" in done.err and what in done.err
    assert not (world.here / "new").exists()


def test_1_a_language_model_cut_short_or_empty_is_named(world: World) -> None:
    folder = world.copy("lm/notok")
    for size, what in ((5000, "cut short"), (0, "empty")):
        weights = folder / "model.safetensors"
        weights.write_bytes(weights.read_bytes()[:size])
        done = world.train(f"language_model={folder}")
        assert done.code == 1 and "model.safetensors" in done.err and what in done.err


def test_1_sizes_that_do_not_go_together_are_told(world: World) -> None:
    done = world.train("language_model=random:gpt2?n_layer=1&n_embd=33&n_head=2")
    assert done.code == 1 and "cannot be built" in done.err
    folder = world.copy("lm/notok")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "n_head": 5}))
    done = world.train(f"language_model={folder}")
    assert done.code == 1 and str(folder) in done.err


def test_2_a_language_model_without_a_tokenizer_is_refused(world: World) -> None:
    done = world.train(f"language_model={world.cases / 'lm' / 'notok'}")
    assert done.code == 1 and "has no tokenizer" in done.err and not (world.here / "new").exists()


@pytest.mark.parametrize("suffix", [".pth", ".pkl", ".bin", ".safetensors"])
@pytest.mark.parametrize(("name", "what"), [("html", "Google Drive - Quota exceeded"), ("lfs", "a Git LFS pointer")])
def test_26_weights_say_what_they_are(world: World, name: str, what: str, suffix: str) -> None:
    weights = (world.here / "weights").with_suffix(suffix)
    shutil.copyfile(world.cases / "weights" / f"{name}.pth", weights)
    networks = [word if word != "random" else str(weights) for word in DETECTOR]
    done = dgf(
        "extract-features", str(world.base), "--out", str(world.here / "f"), *networks, "--vgg-weights", "random"
    )
    assert done.code == 1 and str(weights) in done.err and what in done.err
    assert "weights_only" not in done.said and "pickle" not in done.said.lower()


@pytest.mark.parametrize("name", ["config.json", "vocab.txt", "pytorch_model.bin"])
def test_26_an_oscar_folder_of_pages_says_so(world: World, name: str) -> None:
    folder = world.here / "oscar"
    folder.mkdir()
    (folder / "config.json").write_text('{"vocab_size": 30522, "img_feature_dim": 1030}')
    (folder / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n")
    (folder / "pytorch_model.bin").write_bytes(b"PK\x03\x04")
    shutil.copyfile(world.cases / "weights" / "html.pth", folder / name)
    out, features = str(world.here / "c"), str(world.made / "features")
    done = dgf("caption", str(world.base), "--features", features, "--out", out, "--oscar", str(folder))
    assert done.code == 1 and (name in done.err or "reads regions of" in done.err)


# Nothing of the user's is overwritten (3, 27)


def test_3_predictions_never_replace_what_dgf_did_not_write(world: World) -> None:
    posts = world.rows({"text": "Ada Lark met Bram", "head": {"span": [0, 8]}, "tail": {"span": [13, 17]}})
    before = posts.read_bytes()
    for out in (posts, world.here / "notes.txt"):
        out.touch()
        if out != posts:
            out.write_text("mine")
        done = dgf("predict", str(world.run), str(posts), "--out", str(out))
        assert done.code == 1 and str(out) in done.err and "not overwritten" in done.err
    assert posts.read_bytes() == before and (world.here / "notes.txt").read_text() == "mine"
    answers = world.here / "answers.jsonl"
    for _ in range(2):  # its own answers are written again
        assert dgf("predict", str(world.run), str(posts), "--out", str(answers)).code == 0


@pytest.mark.parametrize("name", ["report.json", "predictions.jsonl"])
def test_3_a_report_never_replaces_what_dgf_did_not_write(world: World, name: str) -> None:
    out = world.here / "report"
    out.mkdir()
    (out / name).write_text('{"mine": 1}\n')
    done = dgf("eval", str(world.run), "--out", str(out))
    assert done.code == 1 and name in done.err and contents(out) == {name: b'{"mine": 1}\n'}


def test_27_a_work_folder_of_other_posts_names_an_option_that_predict_has(world: World) -> None:
    work, photos = world.here / "work", ["photos/test-0.jpg", "photos/test-1.jpg"]
    rows = [{"text": "Ada met Bram", "head": {"span": [0, 3]}, "tail": {"span": [8, 12]}, "image": i} for i in photos]
    (world.here / "photos").mkdir()
    for photo in photos:
        shutil.copyfile(world.base / photo, world.here / photo)
    first, second = (world.rows(row, name=f"{i}.jsonl") for i, row in enumerate(rows))
    assert dgf("predict", str(world.run), str(first), "--work", str(work)).code == 0
    done = dgf("predict", str(world.run), str(second), "--work", str(work))
    assert done.code == 1 and "--work" in done.err and "--overwrite" not in done.err and "--out" not in done.err


# Shards and photos (4 to 9)


def test_4_a_shard_that_a_killed_program_left_open_is_made_again_alone(world: World) -> None:
    features = world.copy("features")
    shard = features / "shard-00001.h5"
    before = contents(features)
    script = "import h5py, os, sys; file = h5py.File(sys.argv[1], 'r+'); file['image_id'][:]; os._exit(9)"
    subprocess.run([sys.executable, "-c", script, str(shard)], check=False)
    assert shard.read_bytes() != before["shard-00001.h5"] and len(shard.read_bytes()) == len(before["shard-00001.h5"])
    for command in (
        ("train", str(world.base), "--features", str(features), "--out", str(world.here / "new"), *TINY),
        ("caption", str(world.base), "--features", str(features), "--out", str(world.here / "c"), "--oscar", "random"),
        ("inspect", str(features), "--verify"),
    ):
        done = dgf(*command)
        assert done.code == 1 and "shard-00001" in done.said and "dgf extract-features" in done.said, done.said
        assert "--overwrite" not in done.said.replace("without --overwrite", "")
    done = dgf("extract-features", str(world.base), "--out", str(features), "--shard-size", "5", *NETWORKS)
    assert done.code == 0 and "shard-00001.h5" in done.err and "(15 new" not in done.out, done.said
    after = contents(features)
    same = [name for name in before if after[name] == before[name]]
    assert {name for name in before if name.endswith(".h5")} <= set(same)
    assert dgf("inspect", str(features), "--verify").code == 0


def extract_photo(world: World, name: str, *words: str) -> Outcome:
    data = world.here / "photo"
    data.mkdir()
    shutil.copyfile(world.cases / "img" / "p" / name, data / name)
    row = {"text": "Ada met Bram", "head": {"span": [0, 3]}, "tail": {"span": [8, 12]}, "image": name}
    (data / "train.jsonl").write_text(json.dumps(row) + "\n")
    return dgf("extract-features", str(data), "--out", str(world.here / "f"), *NETWORKS, *words)


def test_5_a_photo_of_thousands_of_scans_is_a_recorded_reason(world: World) -> None:
    done = extract_photo(world, "many.jpg")
    assert done.code == 3 and "many.jpg: more than 25,000,000 pixels" in done.out  # as photos of many scans may have
    assert "25,000,000 pixels" in (world.here / "f" / "manifest.json").read_text()


@pytest.mark.parametrize("name", ["big_icc.png", "mpo_badindex.jpg", "no_eoi.jpg", "offset.gif", "good.jpg"])
def test_6_7_8_what_browsers_show_has_features(world: World, name: str) -> None:
    done = extract_photo(world, name)
    assert done.code == 0 and "1 of 1 distinct photos have features" in done.out


def test_7_wrong_checksums_of_metadata_do_not_matter(world: World) -> None:
    chunk = b"\0\0\0\x04tEXta\0bc" + b"\xde\xad\xbe\xef"  # its checksum is another
    whole = io.BytesIO()
    Image.new("RGB", (40, 30), "red").save(whole, "PNG")
    png = whole.getvalue()
    (world.here / "a.png").write_bytes(png[:33] + chunk + png[33:])
    data = world.rows({"tokens": ["a", "b"], "head": {"span": [0, 1]}, "tail": {"span": [1, 2]}, "image": "a.png"})
    assert dgf("validate", str(data), "--photos", "pixels").code == 0


def test_9_damaged_pixels_are_recorded_unless_asked_for(world: World) -> None:
    done = extract_photo(world, "zeros_tail.jpg")
    assert done.code == 3 and "zeros_tail.jpg: damaged" in done.out and "0 of 1 distinct photos" in done.out
    words = (str(world.here / "photo"), "--out", str(world.here / "g"), *NETWORKS, "--damaged", "use")
    done = dgf("extract-features", *words)
    assert done.code == 0 and "1 of 1 distinct photos have features" in done.out
    assert json.loads((world.here / "g" / "settings.json").read_text())["damaged"] == "use"
    assert "damaged" not in json.loads((world.here / "f" / "settings.json").read_text())


# Text (10 to 18, 23, 28, 29)


def test_10_output_that_the_terminal_cannot_show_is_escaped(world: World) -> None:
    script = "from dgf.cli.main import main; main()"
    environment = {**os.environ, "PYTHONIOENCODING": "cp1252"}
    command = [sys.executable, "-c", script, "validate", str(world.cases / "rows" / "enc.jsonl")]
    for words in ([], ["--json"]):
        done = subprocess.run([*command, *words], capture_output=True, env=environment)
        assert done.returncode == 1 and b"internal error" not in done.stderr, done.stderr
        assert b"\\u2764" in done.stdout
        if words:
            assert json.loads(done.stdout)["fault_kinds"] == {"mention text": 1}


def test_10_predictions_to_such_a_terminal_are_json_still(world: World) -> None:
    posts = world.rows({"text": f"{HORSE} met Bram", "head": {"span": [0, 1]}, "tail": {"span": [6, 10]}})
    script = "from dgf.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", script, "predict", str(world.run), str(posts)],
        capture_output=True, env={**os.environ, "PYTHONIOENCODING": "cp1252"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["head"] == HORSE


def test_11_every_fault_is_listed_where_no_row_can_be_used(world: World) -> None:
    bad = world.here / "bad.jsonl"
    bad.write_text('{"text": 1}\n{oops\n[1]\n')
    for data, number in ((bad, 3), (world.cases / "empty", 3)):
        done, as_json = (dgf("validate", str(data), *words) for words in ([], ["--json"]))
        assert done.code == 1 and f"{number} faults" in done.out and "by kind" in done.out
        assert "dgf validate" not in done.said
        found = json.loads(as_json.out)
        assert as_json.code == 1 and len(found["faults"]) == number and sum(found["fault_kinds"].values()) == number


def test_12_arrays_and_other_names_are_read(world: World) -> None:
    array = world.cases / "rows" / "array_pretty.jsonl"
    assert dgf("validate", str(array)).code == 0
    rows = json.loads(array.read_text())
    lines = "".join(json.dumps(row) + "\n" for row in rows).encode()
    for name, content in (
        ("a.json", json.dumps(rows).encode()),
        ("b.ndjson", lines),
        ("c.JSONL", lines),
        ("d.jsonl.gz", gzip.compress(lines)),
        ("e.txt", lines),
        ("f.jsonl", "\n".join(json.dumps(row, indent=2) for row in rows).encode()),
    ):
        (world.here / name).write_bytes(content)
        found = json.loads(dgf("validate", str(world.here / name), "--json").out)
        assert sum(split["rows"] for split in found["splits"].values()) == len(rows), name
    (world.here / "posts.csv").write_text("text,head\nAda,0\n")
    done = dgf("validate", str(world.here / "posts.csv"))
    assert done.code == 1 and "(head_start, head_end)" in done.out


def test_13_utf16_is_read_with_and_without_its_mark(world: World) -> None:
    powershell = world.cases / "rows" / "powershell.jsonl"
    unmarked = world.here / "unmarked.jsonl"
    unmarked.write_bytes(powershell.read_bytes()[2:])
    for path in (powershell, unmarked):
        assert dgf("validate", str(path)).code == 0
    latin = world.here / "latin.jsonl"
    latin.write_bytes('{"text": "Zoë"}\n'.encode("latin-1"))
    done = dgf("validate", str(latin))
    assert done.code == 1 and "not UTF-8 (byte 0xeb" in done.out and "encoding 1" in done.out


def test_14_captions_and_types_may_have_a_mark(world: World) -> None:
    words = ["--features", str(world.made / "features"), "--captions", str(world.cases / "captions" / "bom.jsonl")]
    done = dgf("caption", str(world.base), *words, "--out", str(world.here / "c"))
    assert done.code == 0 and "15 of 15 photos" in done.out
    types = world.here / "types.jsonl"
    types.write_bytes(b"\xef\xbb\xbf" + (world.cases / "types" / "ok.jsonl").read_bytes())
    assert world.train("--types", str(types)).code == 0


@pytest.mark.parametrize("name", ["jsondump", "jsonnull", "ok", "rel_in_txt"])
def test_15_16_json_in_the_layout_of_mnre_is_read(world: World, name: str) -> None:
    done = dgf("validate", str(world.cases / "mnre" / name), "--json")
    found = json.loads(done.out)
    assert found["faults"] == [] and sum(split["rows"] for split in found["splits"].values()) > 0


def test_17_spans_in_utf16_units_are_warned_of_and_read_where_asked(world: World) -> None:
    path, checked = (world.cases / "rows" / name for name in ("utf16units.jsonl", "utf16units_check.jsonl"))
    done = dgf("validate", str(path))
    assert done.code == 0 and "[3, 11] in characters, 'Ada Lark'" in done.out and "--span-unit utf16" in done.out
    assert "--span-unit utf16" in dgf("predict", str(world.run), str(path)).err
    done = dgf("validate", str(checked))
    assert done.code == 1 and "[3, 11] in characters" in done.out and "--span-unit utf16" in done.out
    for file in (path, checked):
        done = dgf("predict", str(world.run), str(file), "--span-unit", "utf16")
        assert done.code == 0 and [json.loads(done.out)[key] for key in ("head", "tail")] == ["Ada Lark", "Bram Okoye"]


def test_18_strings_that_look_alike_are_told_apart_by_code_points(world: World) -> None:
    done = dgf("validate", str(world.cases / "rows" / "nfc_nfd.jsonl"))
    assert done.code == 1 and "U+00E9" in done.out and "U+0065 U+0301" in done.out


def test_23_null_is_absent(world: World) -> None:
    assert dgf("validate", str(world.cases / "rows" / "null_text.jsonl")).code == 0


def test_28_the_list_of_relations_beside_the_text_is_found(world: World) -> None:
    found = json.loads(dgf("validate", str(world.cases / "mnre" / "rel_in_txt"), "--json").out)
    assert found["relations_file"].endswith("txt/ours_rel2id.json")
    assert list(found["splits"]["train"]["relations"])[:4] == [
        "None", "/per/per/peer", "/per/org/member_of", "/loc/loc/contain",
    ]  # fmt: skip


def test_29_dev_is_another_name_of_val(world: World) -> None:
    rows = []
    for split in ("train", "dev", "test"):
        for line in (world.base / f"{'val' if split == 'dev' else split}.jsonl").read_text().splitlines():
            rows.append({**json.loads(line), "split": split})
    data = world.rows(*rows)
    out = world.here / "report"
    words = ("--data", str(data), "--missing-images", "text-only", "--out", str(out))
    done = dgf("eval", str(world.run), "--split", "dev", *words)
    assert done.code == 0 and json.loads((out / "report.json").read_text())["split"] == "val"


def test_29_posts_from_standard_input(world: World) -> None:
    row = {"text": "Ada Lark met Bram Okoye", "head": {"span": [0, 8]}, "tail": {"span": [13, 23]}}
    done = dgf("predict", str(world.run), "-", stdin=(json.dumps(row) + "\n").encode())
    assert done.code == 0 and json.loads(done.out)["head"] == "Ada Lark"
    done = dgf("predict", str(world.run), "-", stdin=b"{oops\n")
    assert done.code == 1 and "-:1: not JSON" in done.err


def test_29_words_are_read_as_a_person_means_them(world: World) -> None:
    words = ("seed=010", "model.type_restriction=off", "model.input_order=text,image,objects", "model.fusion=off")
    done = dgf("train", str(world.base), "--out", str(world.here / "new"), "--show-config", *words)
    assert done.code == 0 and "\nseed: 10\n" in done.out and "fusion: false" in done.out
    assert "type_restriction: 'off'" in done.out and "- text\n  - image\n  - objects" in done.out


# Photos' names (19, 20, 21)


@pytest.mark.parametrize("given", ["Photos/TEST-0.jpg", "test-0.jpg", "photos\\test-0.jpg", "photos/test-0.JPEG"])
def test_19_a_missing_photo_names_the_nearest_file_and_the_folders_searched(world: World, given: str) -> None:
    data = world.copy("base")
    row = json.loads((data / "test.jsonl").read_text().splitlines()[0])
    (data / "test.jsonl").write_text(json.dumps({**row, "image": given}) + "\n")
    done = dgf("validate", str(data))
    assert done.code == 3 and "there is photos/test-0.jpg" in done.out and f"looked for in {data}" in done.out
    done = dgf("extract-features", str(data), "--out", str(world.here / "f"), *NETWORKS)
    assert done.code == 1 and "there is photos/test-0.jpg" in done.err and f"looked for in {data}" in done.err


def test_19_another_unicode_form_is_near(world: World) -> None:
    (world.here / "Beyonce\u0301.jpg").write_bytes((world.base / "photos" / "test-0.jpg").read_bytes())
    data = world.rows(
        {"text": "Ada met Bram", "head": {"span": [0, 3]}, "tail": {"span": [8, 12]}, "image": "Beyonc\u00e9.jpg"}
    )
    done = dgf("validate", str(data))
    assert done.code == 3 and "Beyonce\u0301.jpg" in done.out and "U+0065 U+0301" in done.out


def test_20_absolute_paths_are_told_to_be_relative_and_slashes_collapse(world: World) -> None:
    data = world.copy("base")
    row = json.loads((data / "test.jsonl").read_text().splitlines()[0])
    (data / "test.jsonl").write_text(json.dumps({**row, "image": str(data / "photos/test-0.jpg")}) + "\n")
    done = dgf("validate", str(data))
    assert done.code == 3 and "an absolute path" in done.out and ": photos/test-0.jpg" in done.out
    (data / "test.jsonl").write_text(json.dumps({**row, "image": ".//photos//test-0.jpg"}) + "\n")
    assert dgf("validate", str(data)).code == 0


def test_21_the_folders_searched_are_named(world: World) -> None:
    done = dgf("validate", str(world.cases / "mega"))
    folder = world.cases / "mega"
    assert done.code == 3 and f"looked for in {folder}/img_org/train" in done.out
    assert f"there is {folder}/imgSG/train/p0.jpg" in done.out


# What stands beside the data (22, 24, 25)


def test_22_the_negative_label_is_found_and_said(world: World) -> None:
    data = world.cases / "mnre" / "rel_na"
    assert "the relation 'NA' means that there is none" in dgf("validate", str(data)).out
    done = world.train(data=data)
    assert done.code == 0 and "without 'NA'" in done.out
    done = dgf("eval", str(world.here / "new"), "--out", str(world.here / "report"))
    report = json.loads((world.here / "report" / "report.json").read_text())
    assert report["negative_label"] == "NA" and "without NA" in report["metric"] and "'NA'" in done.out
    assert "NA" not in {name for name, one in report["scores"]["per_relation"].items() if one["support"] < 0}


def test_22_the_negative_label_is_a_setting(world: World) -> None:
    data = world.cases / "mnre" / "rel_na"
    done = world.train("--negative-label", "/per/per/peer", data=data)
    assert done.code == 0 and "without '/per/per/peer'" in done.out
    done = world.train("--negative-label", "peers", "--out", str(world.here / "other"), data=data)
    assert done.code == 1 and "no relation is called so" in done.err


def test_24_types_of_other_posts_and_other_names_are_told(world: World) -> None:
    types = world.cases / "types"
    done = world.train("--types", str(types / "noids.jsonl"))
    assert done.code == 1 and "none of its" in done.err and "'zzztrain-0'" in done.err
    done = world.train("--types", str(types / "upper.jsonl"))
    assert done.code == 1 and "PER (did you mean per?)" in done.err and not (world.here / "new").exists()
    done = world.train("--types", str(types / "ok.jsonl"))
    count = len((types / "ok.jsonl").read_text().splitlines())
    assert done.code == 0 and f"types for {count} of 15 posts" in done.err
    done = dgf("eval", str(world.run), "--types", str(types / "ok.jsonl"), "--out", str(world.here / "report"))
    kept = json.loads((world.here / "report" / "report.json").read_text())["types"]
    assert kept["matched"] == count and kept["posts"] == 15 and len(kept["sha256"]) == 64


def test_25_captions_for_photos_of_other_data_are_refused(world: World) -> None:
    out = world.here / "c"
    words = ("--features", str(world.made / "features"), "--out", str(out), "--oscar", "random")
    done = dgf("caption", str(world.cases / "mnre" / "ok"), *words)
    assert done.code == 1 and "has none of the" in done.err and not out.exists()
    half = world.copy("base")
    (half / "test.jsonl").write_text(
        (half / "test.jsonl").read_text().replace("photos/test-0.jpg", "photos/another.jpg")
    )
    done = dgf("caption", str(half), *words)
    assert "names 15 photos, 14 of them are in" in done.out


def test_25_features_of_other_photos_are_refused_even_where_text_would_do(world: World) -> None:
    words = ("--features", str(world.made / "features"), "--missing-images", "text-only")
    done = dgf("train", str(world.cases / "mnre" / "ok"), *words, "--out", str(world.here / "new"), *TINY)
    assert done.code == 1 and "has none of the photos" in done.err


# A repaired copy


def test_fix_writes_a_copy_with_what_is_certain_put_right(world: World) -> None:
    data = world.here / "posts"
    data.mkdir()
    shutil.copyfile(world.base / "photos" / "test-0.jpg", data / "a.jpg")
    (data / "p").mkdir()
    shutil.copyfile(world.base / "photos" / "test-1.jpg", data / "p" / "b.jpg")
    text = f"{HORSE} Ada met Bram"
    rows = [
        {
            "text": text,
            "tokens": None,
            "head": {"span": [3, 6], "text": "Ada"},
            "tail": {"span": [11, 15], "text": "Bram"},
        },
        {"text": "Ada met Bram", "head": {"span": [0, 3]}, "tail": {"span": [8, 12]}, "image": ".//a.jpg"},
        {"text": "Ada met Bram", "head": {"span": [0, 3]}, "tail": {"span": [8, 12]}, "image": "p\\b.jpg"},
    ]
    lines = "\r\n".join(json.dumps(row) for row in rows) + "\r\n{oops\r\n"
    (data / "train.jsonl").write_bytes(lines.encode("utf-16"))
    before = contents(data)
    done = dgf("validate", str(data), "--fix", str(world.here / "fixed"))
    assert done.code == 1 and contents(data) == before
    for change in (
        "UTF-16",
        "null left out: tokens",
        "[3, 6] in UTF-16 units written as [2, 5]",
        "'p/b.jpg'",
        "'a.jpg'",
    ):
        assert change in done.out
    found = json.loads(dgf("validate", str(world.here / "fixed"), "--json").out)
    assert found["splits"]["train"]["rows"] == 3 and [fault["line"] for fault in found["faults"]] == [4]
    assert found["bad_photos"] == [] and found["splits"]["train"]["images_found"] == 2
    done = dgf("validate", str(data), "--fix", str(world.here / "fixed"))
    assert done.code == 1 and "is there already" in done.err
