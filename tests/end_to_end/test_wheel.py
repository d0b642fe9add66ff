"""What is shipped: a wheel, installed into an environment that has its requirements and no detectron2, works there."""

import ast
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from support.posts_of import posts_of
from support.shipped import BUILT_FROM, REPOSITORY, required, top_packages
from support.tiny_job import paint

ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "DGF_"))}


def run(*words: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([*map(str, words)], cwd=cwd, env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"
    return done


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, so that nothing an earlier build left in the repository comes along."""
    source = tmp_path_factory.mktemp("source")
    for name in (*top_packages(), "tests"):
        shutil.copytree(REPOSITORY / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in BUILT_FROM:
        shutil.copy(REPOSITORY / name, source)
    options = ("--no-deps", "--no-index", "--no-build-isolation")
    run(sys.executable, "-m", "pip", "wheel", *options, "--wheel-dir", source / "dist", source, cwd=source)
    [built] = (source / "dist").iterdir()
    return built


@pytest.fixture(scope="module")
def scripts(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of `dgf` and `python` where the wheel is installed; requirements are links to those in use here."""
    place = tmp_path_factory.mktemp("fresh")
    run(sys.executable, "-m", "venv", "--without-pip", place / "venv", cwd=place)
    folder = place / "venv" / "bin"
    pip = (sys.executable, "-m", "pip", "--python", folder / "python")
    run(*pip, "install", "--no-deps", "--no-index", wheel, cwd=place)
    requirements = place / "requirements"
    requirements.mkdir()
    for path in Path(sysconfig.get_path("purelib")).iterdir():
        if "detectron2" not in path.name and not path.name.startswith(("dgf", "__editable__")):
            (requirements / path.name).symlink_to(path)
    packages = run(folder / "python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=place)
    (Path(packages.stdout.strip()) / "requirements.pth").write_text(f"{requirements}\n")
    return folder


def test_the_wheel_holds_every_file_of_the_packages_and_nothing_else(wheel: Path) -> None:
    shipped = {
        f"{package.replace('.', '/')}/{path.relative_to(REPOSITORY / folder).as_posix()}"
        for folder, package in top_packages().items()
        for path in (REPOSITORY / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert held == shipped and any(name.endswith(".safetensors") for name in held)


def test_what_the_packages_import_is_required() -> None:
    """But for detectron2, which no requirement line finds: what only the tests' own requirements bring is not there."""
    trees = [ast.parse(path.read_bytes()) for folder in top_packages() for path in (REPOSITORY / folder).rglob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom) and not node.level}
    foreign = {name.split(".")[0] for name in names} - sys.stdlib_module_names - {"dgf", "detectron2"}
    brought_by = importlib.metadata.packages_distributions()
    # an extra's library need not be installed here: then it is known by its own name alone
    found = {name: {by.lower().replace("_", "-") for by in brought_by.get(name, [name])} for name in foreign}
    assert "torch" in brought_by and {name: by for name, by in found.items() if not by & required()} == {}


@pytest.mark.slow
def test_the_wheel_works_where_it_is_installed(scripts: Path, tmp_path: Path) -> None:
    assert "extract-features" in run(scripts / "dgf", "--help", cwd=tmp_path).stdout
    where = run(scripts / "python", "-c", "import dgf, dgf.workflows; print(dgf.workflows.__file__)", cwd=tmp_path)
    assert Path(where.stdout.strip()).is_relative_to(scripts.parent)
    facts = json.loads(run(scripts / "dgf", "env", "--json", cwd=tmp_path).stdout)
    assert facts["detectron2"].startswith("absent") and not any(fact.startswith("fails") for fact in facts.values())
    assert "DGF-PT" in run(scripts / "dgf", "reproduce", "show", "table-1", cwd=tmp_path).stdout


@pytest.mark.slow
def test_photos_are_read_without_detectron2_and_it_is_said_by_what(scripts: Path, tmp_path: Path) -> None:
    posts = posts_of(tmp_path, paint(tmp_path, 2))
    options = ("--weights", "random", "--vgg-weights", "random", "--min-size", "64", "--regions", "10")
    done = run(scripts / "dgf", "extract-features", posts, "--out", "features", *options, cwd=tmp_path)
    chosen = "torchvision:fasterrcnn_resnet50_fpn"
    told = [line for line in done.stderr.splitlines() if "detectron2" in line]
    assert told == [f"detectron2 is not installed: objects are found by {chosen} (--detector chooses another)"]
    settings = json.loads((tmp_path / "features" / "settings.json").read_text(encoding="utf-8"))
    assert settings["detector"]["model"] == chosen
    assert "2 of 2 distinct photos have features" in done.stdout
