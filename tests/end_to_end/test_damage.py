"""Damage of any file is noticed, or changes nothing; and the command that made a shard makes it alone again."""

import json
import random
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import pytest
from click.testing import CliRunner, Result

from dgf.cli.main import cli
from dgf.pipeline.files import read_record, write_json
from dgf.pipeline.jobs.extraction import Networks
from dgf.pipeline.jobs.extraction_spec import FeatureSpec
from support.small_world import TINY, write_posts
from support.tiny_job import LAYOUT, TinyDetector, TinyVgg

EXTRACT = (
    *("--detector", "torchvision:fasterrcnn_mobilenet_v3_large_320_fpn", "--weights", "random"),
    *("--vgg-weights", "random", "--min-size", "64", "--max-size", "64", "--top-k", "3", "--regions", "5"),
    *("--shard-size", "4", "--batch-size", "2", "--device", "cpu", "--threads", "1"),
)
FLIPS = 200


@dataclass(frozen=True)
class World:
    """Posts, and everything that the four commands make of them."""

    root: Path

    @property
    def features(self) -> Path:
        return self.root / "features"

    @property
    def captions(self) -> Path:
        return self.root / "captions"

    @property
    def run(self) -> Path:
        return self.root / "run"

    def extract(self, *words: str) -> Result:
        return dgf("extract-features", self.root / "posts", "--out", self.features, *EXTRACT, *words)

    def caption(self, *words: str) -> Result:
        told = ("--captions", self.root / "told.jsonl", "--device", "cpu", "--threads", "1")
        paths = ("--features", self.features, "--out", self.captions)
        return dgf("caption", self.root / "posts", *paths, *told, *words)

    def train(self, out: Path | None = None) -> Result:
        paths = ("--features", self.features, "--captions", self.captions, "--out", out or self.run)
        return dgf("train", self.root / "posts", "--preset", "demo", *paths, "--device", "cpu", *TINY)

    def resume(self) -> Result:
        return dgf("train", "--resume", "--out", self.run, "--device", "cpu")

    def eval(self) -> Result:
        return dgf("eval", self.run, "--out", self.root / "report", "--device", "cpu")

    def figures(self) -> tuple[Any, str]:
        """Scores and predictions of the last `eval`."""
        report = json.loads((self.root / "report" / "report.json").read_text())
        return report["scores"], (self.root / "report" / "predictions.jsonl").read_text()


def dgf(*words: object) -> Result:
    done = CliRunner().invoke(cli, [str(word) for word in words])
    assert "Traceback (most" not in done.output and "internal error" not in done.output, done.output
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


@pytest.fixture(scope="module", autouse=True)
def small_networks() -> Iterator[None]:
    """Real ones take seconds for a shard."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FeatureSpec, "build_networks", lambda *_: Networks(TinyDetector(), TinyVgg(), LAYOUT))
        yield


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> World:
    world = World(tmp_path_factory.mktemp("damage"))
    images = sorted(path.name for path in write_posts(world.root / "posts").glob("*.png"))
    told = (json.dumps({"image_id": name, "caption": f"a picture of {name}"}) + "\n" for name in images)
    (world.root / "told.jsonl").write_text("".join(told))
    for command in (world.extract, world.caption, world.train, world.eval):
        done = command()
        assert done.exit_code == 0, done.output
    return world


@pytest.fixture
def world(made: World, tmp_path: Path) -> World:
    shutil.copytree(made.root, tmp_path / "copy")
    return World(tmp_path / "copy")


Kind = tuple[str, int, tuple[str, ...]]

KINDS: list[Kind] = [
    # files, flips, and the commands that read them: what makes a file again comes last
    ("features/shard-*.h5", 22, ("eval", "extract")),
    ("captions/shard-*.h5", 22, ("eval", "caption")),
    ("features/shard-*.json", 16, ("eval", "extract")),
    ("captions/shard-*.json", 14, ("eval", "caption")),
    ("features/settings.json", 12, ("eval", "extract")),
    ("captions/settings.json", 8, ("eval", "caption")),
    ("features/plan.json", 12, ("eval", "extract")),
    ("features/manifest.json", 10, ("eval", "extract")),
    ("captions/manifest.json", 8, ("eval", "caption")),
    ("run/checkpoints/last.pt", 10, ("resume",)),
    ("run/checkpoints/best.pt", 10, ("resume",)),
    ("run/config.yaml", 12, ("eval", "resume")),
    ("run/data.json", 10, ("eval", "resume")),
    ("run/model.json", 10, ("eval",)),
    ("run/model.safetensors", 10, ("eval",)),
    ("run/tokenizer/*", 8, ("eval",)),
    ("run/labels.json", 2, ("eval",)),
    ("run/metrics.jsonl", 2, ("eval", "resume")),
    ("run/environment.txt", 2, ("eval",)),
]
assert sum(flips for _, flips, _ in KINDS) == FLIPS
EDGE = 600
"""Bytes at both ends of a large file: half of its flips fall there."""


def read_all(root: Path) -> dict[Path, bytes]:
    return {
        p: p.read_bytes() for part in ("features", "captions", "run") for p in (root / part).rglob("*") if p.is_file()
    }


def restore(root: Path, content: dict[Path, bytes]) -> None:
    for path in read_all(root).keys() - content.keys():
        path.unlink()
    for path, data in content.items():
        if not path.is_file() or path.read_bytes() != data:
            path.write_bytes(data)


def flip_byte(path: Path, rng: random.Random) -> int:
    """Change one byte, anywhere."""
    content = bytearray(path.read_bytes())
    edges = [*range(EDGE), *range(len(content) - EDGE, len(content))] if len(content) > 2 * EDGE else []
    position = rng.choice(edges) if edges and rng.random() < 0.5 else rng.randrange(len(content))
    content[position] ^= 1 << rng.randrange(8) if rng.random() < 0.7 else rng.randrange(1, 256)
    path.write_bytes(content)
    return position


def values(path: Path) -> Any:
    """What a file says, without the times and checksums of a computation."""
    if path.suffix != ".json":
        return path.read_bytes()
    record = read_record(path)
    record.get("stats", record).pop("seconds", None)
    return record


@pytest.mark.long
@pytest.mark.slow
def test_a_flipped_byte_is_noticed_or_harmless(made: World, capsys: pytest.CaptureFixture[str]) -> None:
    rng = random.Random(20)
    whole, figures = read_all(made.root), made.figures()
    said = {path: values(path) for path in whole if path.parent in (made.features, made.captions)}
    counts: dict[str, Counter[str]] = {kind: Counter() for kind, _, _ in KINDS}
    for kind, flips, commands in KINDS:
        for number in range(flips):
            path = rng.choice(sorted(made.root.glob(kind)))
            position = flip_byte(path, rng)
            where, noticed = f"{path.relative_to(made.root)}, flip {number} at byte {position}", False
            try:
                for name in commands:
                    done = getattr(made, name)()
                    shown = f"{where}, {name}: {done.output}"
                    if name in ("extract", "caption"):
                        # what was damaged is made again, and all is as it was
                        assert done.exit_code == 0, shown
                        assert {path: values(path) for path in said} == said, shown
                        noticed = noticed or "damaged" in done.stderr or "planned again" in done.stderr
                    elif done.exit_code:
                        assert done.exit_code == 1 and path.stem in done.stderr and "dgf " in done.stderr, shown
                        noticed = True
                    elif name == "eval":
                        assert made.figures() == figures, shown
                    else:
                        model = made.run / "model.safetensors"
                        assert model.read_bytes() == whole[model], shown
            finally:
                restore(made.root, whole)
            counts[kind]["noticed" if noticed else "harmless"] += 1
    with capsys.disabled():
        print()
        for kind, count in counts.items():
            print(f"{kind:26} {count['noticed']:3} noticed {count['harmless']:3} harmless")
    never_silent = ("features/shard-*.h5", "captions/shard-*.h5", "run/model.safetensors", "run/checkpoints/last.pt")
    assert all(counts[kind]["noticed"] >= 0.9 * counts[kind].total() for kind in never_silent)


def leave_open(path: Path) -> None:
    """Open a shard to write, as another program does, and be killed: HDF5's flag of consistency stays set."""
    size = path.stat().st_size
    code = "import h5py, os, sys; file = h5py.File(sys.argv[1], 'r+'); os.kill(os.getpid(), 9)"
    assert subprocess.run([sys.executable, "-c", code, path]).returncode == -9
    assert path.stat().st_size == size
    with pytest.raises(OSError, match="already open for write"), h5py.File(path, "r", locking=False):
        pass


@pytest.mark.parametrize("kind", ["features", "captions"])
def test_a_shard_left_open_by_a_killed_program_is_made_again_and_no_other(world: World, kind: str) -> None:
    folder, maker = getattr(world, kind), "dgf extract-features" if kind == "features" else "dgf caption"
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}
    shard = folder / "shard-00001.h5"
    leave_open(shard)
    move_run(world, world.run / "config.yaml")
    for done in (world.eval(), world.train(out=world.root / "other")):
        assert done.exit_code == 1 and f"{shard}: has SHA-256" in done.stderr and f"same `{maker}`" in done.stderr
        assert "without --overwrite" in done.stderr
    done = dgf("inspect", folder, "--verify")
    assert done.exit_code == 1 and "shard-00001.h5 has SHA-256" in done.stdout and maker in done.stdout
    done = world.extract() if kind == "features" else world.caption()
    assert done.exit_code == 0 and "shard-00001.h5 is damaged (it has SHA-256" in done.stderr
    assert "made again" in done.stderr and done.stderr.count("is damaged") == 1
    after = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}
    assert {path for path in before if after[path] != before[path]} <= {
        shard, shard.with_suffix(".json"), folder / "manifest.json",
    }  # fmt: skip
    assert after[shard][0] == before[shard][0]
    done = world.eval()
    assert done.exit_code == 0, done.output


def test_captions_of_damaged_features_stop_with_the_command_that_helps(world: World) -> None:
    leave_open(world.features / "shard-00001.h5")
    (world.captions / "shard-00001.json").unlink()
    done = world.caption()
    assert done.exit_code == 1 and "features/shard-00001.h5" in done.stderr and "dgf extract-features" in done.stderr
    assert world.extract().exit_code == 0 and world.caption().exit_code == 0


def move_run(world: World, config: Path) -> None:
    """Let a copied run read the copied folders."""
    text = config.read_text().splitlines()[:-1]
    old = next(line for line in text if line.startswith("  features: ")).removeprefix("  features: ")
    config.write_text("\n".join(text).replace(str(Path(old).parent), str(world.root)) + "\n")


@pytest.mark.parametrize("name", ["last.pt", "best.pt"])
def test_a_run_with_a_damaged_checkpoint_says_how_to_start_again(world: World, name: str) -> None:
    move_run(world, world.run / "config.yaml")
    flip_byte(world.run / "checkpoints" / name, random.Random(1))
    done = world.resume()
    assert done.exit_code == 1 and name in done.stderr and f"Delete {world.run / 'checkpoints'}" in done.stderr
    assert world.eval().exit_code == 0, "the finished model is whole"
    shutil.rmtree(world.run / "checkpoints")
    before = (world.run / "model.safetensors").read_bytes()
    done = world.resume()
    assert done.exit_code == 0, done.output
    assert (world.run / "model.safetensors").read_bytes() == before


@pytest.mark.parametrize("name", ["model.safetensors", "model.json", "tokenizer/tokenizer.json"])
def test_a_damaged_model_is_written_again_from_its_checkpoint(world: World, name: str) -> None:
    move_run(world, world.run / "config.yaml")
    file = world.run / name
    whole = file.read_bytes()
    flip_byte(file, random.Random(2))
    done = world.eval()
    assert done.exit_code == 1 and str(file) in done.stderr and "dgf train --resume" in done.stderr
    assert world.resume().exit_code == 0 and file.read_bytes() == whole
    assert world.eval().exit_code == 0


def test_a_changed_configuration_is_refused_and_accepted_without_its_seal(world: World) -> None:
    config = world.run / "config.yaml"
    text = config.read_text()
    config.write_text(text.replace("seed: 0", "seed: 3"))
    for command in (world.eval, world.resume):
        done = command()
        assert done.exit_code == 1 and f"{config}: was changed after `dgf train` wrote it" in done.stderr
        assert "dgf eval --data" in done.stderr
    move_run(world, config)
    assert world.eval().exit_code == 0


def test_training_into_a_folder_of_someone_else_leaves_it_alone(world: World) -> None:
    for name in ("data.json", "labels.json", "environment.txt", "checkpoints/last.pt"):
        folder = world.root / f"mine-{Path(name).stem}"
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text("mine")
        done = world.train(out=folder)
        assert done.exit_code == 1 and f"{folder}: holds {name.split('/')[0]} and no run" in done.stderr
        assert [path.read_text() for path in folder.rglob("*") if path.is_file()] == ["mine"]


def test_a_run_folder_reads_as_an_older_one_without_its_checksums(world: World) -> None:
    for path in (*world.features.glob("*.json"), *world.captions.glob("*.json"), world.run / "data.json"):
        write_json(path, read_record(path))
    about = json.loads((world.run / "model.json").read_text())
    del about["files"], about["checksum"]
    (world.run / "model.json").write_text(json.dumps(about))
    move_run(world, world.run / "config.yaml")
    for command in (world.extract, world.resume, world.eval, world.caption):
        done = command()
        assert done.exit_code == 0 and "damaged" not in done.stderr, done.output
