"""Every wrong path, split, row, span, relation, photo, shard, key or weights file: one message, one code, no litter."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from dgf.cli.main import cli
from support.small_world import TINY, write_posts, write_shards


@dataclass(frozen=True)
class World:
    """Good data, features and a finished run to spoil copies of; `out` is where a command would write."""

    root: Path
    posts: Path
    features: Path
    captions: Path
    run: Path

    @property
    def out(self) -> Path:
        return self.root / "out"

    def copy(self, folder: Path) -> Path:
        return Path(shutil.copytree(folder, self.root / f"spoilt-{folder.name}"))

    def train(self, *words: str, data: Path | None = None) -> list[str]:
        paths = ["--features", str(self.features), "--captions", str(self.captions), "--out", str(self.out)]
        return ["train", str(data or self.posts), "--preset", "demo", "--device", "cpu", *paths, *TINY, *words]

    def extract(self, *words: str, data: Path | None = None) -> list[str]:
        weights = [] if "--weights" in words else ["--weights", "random"]
        return [
            "extract-features", str(data or self.posts), "--out", str(self.out), "--vgg-weights", "random",
            "--detector", "torchvision:fasterrcnn_mobilenet_v3_large_320_fpn", "--min-size", "64", "--max-size", "64",
            "--device", "cpu", *weights, *words,
        ]  # fmt: skip

    def eval(self, *words: str, run: Path | None = None) -> list[str]:
        return ["eval", str(run or self.run), "--out", str(self.out), "--device", "cpu", *words]

    def caption(self, *words: str, features: Path | None = None) -> list[str]:
        paths = ["--features", str(features or self.features), "--out", str(self.out)]
        return ["caption", str(self.posts), *paths, "--device", "cpu", *words]


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> World:
    root = tmp_path_factory.mktemp("good")
    world = World(root, write_posts(root / "posts"), root / "features", root / "captions", root / "run")
    write_shards(world.posts, world.features, world.captions)
    done = CliRunner().invoke(cli, [str(world.run) if w == str(world.out) else w for w in world.train()])
    assert done.exit_code == 0, done.output
    return world


@pytest.fixture
def world(good: World, tmp_path: Path) -> World:
    return World(tmp_path, good.posts, good.features, good.captions, good.run)


@pytest.fixture(autouse=True)
def short_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """No scheduler is there to answer, however long a command waits."""
    monkeypatch.setattr("dgf.pipeline.jobs.cluster.CONNECT_SECONDS", 1)


def spoil_row(world: World, change: Callable[[dict[str, object]], object]) -> Path:
    """The posts with the third training row changed."""
    posts = world.copy(world.posts)
    lines = (posts / "train.jsonl").read_text().splitlines()
    row = json.loads(lines[2])
    changed = change(row)
    lines[2] = changed if isinstance(changed, str) else json.dumps(row)
    (posts / "train.jsonl").write_text("\n".join(lines) + "\n")
    return posts


def spoil_file(world: World, folder: Path, name: str, content: bytes) -> Path:
    spoilt = world.copy(folder)
    (spoilt / name).write_bytes(content)
    return spoilt


def cut_shard(world: World) -> Path:
    spoilt = world.copy(world.features)
    shard = spoilt / "shard-00000.h5"
    shard.write_bytes(shard.read_bytes()[:-100])
    return spoilt


def other_features(world: World) -> Path:
    write_shards(world.posts, world.root / "other", seed=1)
    return world.root / "other"


Case = tuple[str, Callable[[World], list[str]], int, tuple[str, ...]]

CASES: list[Case] = [
    ("no data set", lambda w: w.train(data=w.root / "nowhere"), 1, ("nowhere", "no such file")),
    ("a folder without posts", lambda w: w.train(data=w.features), 1, ("no posts found",)),
    ("no such split", lambda w: w.eval("--split", "exam"), 1, ("'exam'", "train, val, test")),
    ("a row that is not JSON", lambda w: w.train(data=spoil_row(w, lambda r: "{oops")), 1, ("train.jsonl:3",)),
    (
        "a span outside the sentence",
        lambda w: w.train(data=spoil_row(w, lambda r: r["head"].update(span=[4, 40]))),  # type: ignore[attr-defined]
        1,
        ("train.jsonl:3", "--on-error skip"),
    ),
    (
        "an empty span",
        lambda w: w.train(data=spoil_row(w, lambda r: r["tail"].update(span=[2, 2]))),  # type: ignore[attr-defined]
        1,
        ("train.jsonl:3",),
    ),
    (
        "an unknown relation",
        lambda w: w.train(data=spoil_row(w, lambda r: r.update(relation="/per/per/nemesis"))),
        1,
        ("train.jsonl:3", "/per/per/nemesis"),
    ),
    (
        "a training row without a relation",
        lambda w: w.train(data=spoil_row(w, lambda r: r.update(relation=None))),
        1,
        ("1 row", "no relation"),
    ),
    ("an id used twice", lambda w: w.train(data=spoil_row(w, lambda r: r.update(id="train:0"))), 1, ("train.jsonl:3",)),
    (
        "a photo without features",
        lambda w: w.train(data=spoil_row(w, lambda r: r.update(image="gone.png"))),
        1,
        ("gone.png", "--missing-images"),
    ),
    (
        "a photo that is not there",
        lambda w: w.extract(data=spoil_row(w, lambda r: r.update(image="gone.png"))),
        1,
        ("gone.png", "--missing-images"),
    ),
    (
        "a relation list with a gap",
        lambda w: w.train(data=spoil_file(w, w.posts, "relations.json", b'{"None": 0, "a": 2}')),
        1,
        ("relations.json", "gap"),
    ),
    (
        "a shard cut short",
        lambda w: w.train("--features", str(cut_shard(w))),
        1,
        ("spoilt-features", "dgf extract-features"),
    ),
    (
        "a shard that is no HDF5",
        lambda w: w.eval("--features", str(spoil_same_size(w)), "--captions", str(w.captions)),
        1,
        ("shard-00000.h5", "--overwrite"),
    ),
    (
        "a folder that holds no features",
        lambda w: w.eval("--features", str(w.posts)),
        1,
        ("posts", "is not a folder of features"),
    ),
    (
        "features of other networks",
        lambda w: [*w.eval("--features", str(other_features(w))), "--data", str(w.posts)],
        1,
        ("made in another way",),
    ),
    (
        "captions without features",
        lambda w: ["train", str(w.posts), *TINY, "--captions", str(w.captions), "--out", str(w.out)],
        1,
        ("--captions", "good", "captions needs --features", "Captions in files (one line a photo) need none."),
    ),
    ("an unknown key", lambda w: w.train("optim.epoch=3"), 1, ("optim.epoch", "did you mean optim.epochs?")),
    ("a value out of range", lambda w: w.train("model.dropout=2"), 1, ("dropout",)),
    ("a configuration that is no YAML", lambda w: w.train("--config", str(bad_yaml(w))), 1, ("bad.yaml",)),
    ("a preset that is not there", lambda w: w.train("--preset", "papper"), 1, ("papper", "finetune")),
    (
        "no such language model",
        lambda w: w.train("language_model=/no/such/model"),
        1,
        ("/no/such/model",),
    ),
    ("no such architecture", lambda w: w.train("language_model=random:gpt7"), 1, ("gpt7",)),
    ("a type file that is not there", lambda w: w.train("--types", "types.jsonl"), 1, ("types.jsonl",)),
    ("no such device", lambda w: w.train("--device", "tpu"), 1, ("tpu",)),
    ("no run", lambda w: w.eval(run=w.posts), 1, ("not a run folder", "dgf train")),
    (
        "weights of a run that are damaged",
        lambda w: w.eval(run=spoil_file(w, w.run, "model.safetensors", b"no tensors here")),
        1,
        ("model.safetensors",),
    ),
    (
        "a run that has not ended",
        lambda w: w.eval(run=without(w, w.run, "model.json")),
        1,
        ("training has not ended", "--resume"),
    ),
    (
        "another run that has not ended",
        lambda w: [*w.eval(), str(without(w, w.run, "model.json"))],
        1,
        ("training has not ended", "--resume"),
    ),
    ("no weights file", lambda w: w.extract("--weights", "none.pth"), 1, ("none.pth",)),
    (
        "a weights file that is a pickle",
        lambda w: w.extract("--weights", str(spoil_file(w, w.posts, "w.pth", b"\x80\x04cos\nsystem\n.") / "w.pth")),
        1,
        ("w.pth",),
    ),
    ("no such detector", lambda w: w.extract("--detector", "detectron2:COCO/none.yaml"), 1, ("none.yaml",)),
    ("no scheduler", lambda w: w.extract("--scheduler", "tcp://127.0.0.1:9"), 1, ("127.0.0.1:9",)),
    ("no captioner", lambda w: w.caption("--oscar", str(w.root / "oscar")), 1, ("oscar",)),
    (
        "captions of unfinished features",
        lambda w: w.caption("--oscar", "random", features=without(w, w.features, "manifest.json")),
        1,
        ("spoilt-features", "dgf extract-features"),
    ),
    ("no data set named", lambda w: ["train", "--out", str(w.out)], 2, ("DATA",)),
    ("no such option", lambda w: w.train("--epochs", "3"), 2, ("--epochs",)),
    ("no such command", lambda w: ["trian"], 2, ("trian",)),
]


def spoil_same_size(world: World) -> Path:
    shard = world.features / "shard-00000.h5"
    return spoil_file(world, world.features, shard.name, b"x" * shard.stat().st_size)


def bad_yaml(world: World) -> Path:
    file = world.root / "bad.yaml"
    file.write_text("optim: [")
    return file


def without(world: World, folder: Path, name: str) -> Path:
    spoilt = world.copy(folder)
    (spoilt / name).unlink()
    return spoilt


@pytest.mark.parametrize(("argv", "code", "shown"), [pytest.param(*case[1:], id=case[0]) for case in CASES])
def test_bad_input(argv: Callable[[World], list[str]], code: int, shown: tuple[str, ...], world: World) -> None:
    words = argv(world)
    before = {path for path in world.root.rglob("*")}
    result = CliRunner().invoke(cli, words)
    assert result.exit_code == code, result.output
    for part in shown:
        assert part in result.stderr, result.stderr
    assert "Traceback" not in result.output and "internal error" not in result.output
    assert {path for path in world.root.rglob("*")} == before, "something was left behind"


def test_a_broken_photo_is_recorded_and_the_rest_is_done(world: World) -> None:
    posts = spoil_file(world, world.posts, "train-1.png", b"no photo at all")
    result = CliRunner().invoke(cli, world.extract(data=posts))
    assert result.exit_code == 3, result.output
    assert "train-1.png" in result.stdout
    assert "train-1.png" in (world.out / "manifest.json").read_text()
    trained = CliRunner().invoke(
        cli,
        ["train", str(posts), *TINY, "--preset", "demo", "--features", str(world.out), "--out", str(world.root / "r"),
         "--missing-images", "text-only", "--device", "cpu"],
    )  # fmt: skip
    assert trained.exit_code == 0, trained.output
    assert "2 without a photo" in trained.stdout


def test_bad_rows_are_skipped_on_request_and_listed(world: World) -> None:
    posts = spoil_row(world, lambda row: "{oops")
    result = CliRunner().invoke(cli, [*world.train(data=posts), "--on-error", "skip"])
    assert result.exit_code == 3, result.output
    assert "11 rows" in result.stdout and "1 skipped" in result.stdout
