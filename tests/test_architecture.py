"""The rules that hold the house together, read off the source: who may import whom, and what no file may do."""

import ast
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
PACKAGES = ("cli", "workflows", "pipeline", "model")
FILES = sorted(path for package in PACKAGES for path in (REPOSITORY / package).rglob("*.py"))

FORBIDDEN = {
    "pipeline": ("dgf.model", "dgf.workflows", "dgf.cli"),
    "model": ("dgf.pipeline", "dgf.workflows", "dgf.cli", "h5py", "dask", "distributed"),
    "workflows": ("dgf.cli", "click"),
    "cli": (),
}

LIGHT = (
    "click",
    "annotated_types",
    "typing_extensions",
    "dgf.cli",
    "dgf.pipeline.storage.address",
    "dgf.workflows.settings",
    "dgf.workflows.audit.settings",
    "dgf.workflows.predict.settings",
    "dgf.workflows.reproduce.settings",
    "dgf.workflows.serve.settings",
    "dgf.workflows.sharing.settings",
    "dgf.workflows.validation.settings",
)
"""What the command line may import before a command runs, beside the standard library."""

UNUSED_BY_EVALUATION = (
    "dask",
    "datasets",
    "distributed",
    "fsspec",
    "matplotlib",
    "pandas",
    "peft",
    "pyarrow",
    "sklearn",
    "spacy",
    "starlette",
    "tensorboard",
    "timm",
    "torch._inductor.compile_fx",
    "transformers.generation.utils",
    "transformers.pipelines",
    "transformers.trainer",
)
"""Slow to import, and of no use to `dgf eval` before it loads its model.

What is of no use and there all the same (accelerate, scipy, torch._dynamo, torch.distributed, torchvision, triton)
comes with `transformers.modeling_utils`, which every model of transformers imports.
"""


def label(path: Path) -> str:
    return path.relative_to(REPOSITORY).as_posix()


def imported(node: ast.AST, path: Path) -> list[str]:
    """Full names of the modules that an import statement brings in."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        base = node.module or ""
        if node.level:
            package = ["dgf", *path.relative_to(REPOSITORY).parts[:-1]]
            base = ".".join([*package[: len(package) - node.level + 1], *base.split(".")]).rstrip(".")
        return [base, *(f"{base}.{alias.name}" for alias in node.names)]
    return []


def imports_anywhere(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        yield from imported(node, path)


def imports_at_module_level(path: Path) -> Iterator[str]:
    """Imports that run when the module is imported: all but those inside functions and under TYPE_CHECKING."""
    waiting: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while waiting:
        node = waiting.pop()
        yield from imported(node, path)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            waiting += node.orelse
            continue
        waiting += ast.iter_child_nodes(node)


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


@pytest.mark.parametrize("path", FILES, ids=label)
def test_imports_run_one_way(path: Path) -> None:
    package = path.relative_to(REPOSITORY).parts[0]
    wrong = [name for name in imports_anywhere(path) for other in FORBIDDEN[package] if within(name, other)]
    assert not wrong


def module_of(path: Path) -> str:
    """`dgf.pipeline.posts` for its `__init__.py`, `dgf.pipeline.posts.base` for that file."""
    parts = path.relative_to(REPOSITORY).with_suffix("").parts
    return ".".join(["dgf", *(parts[:-1] if parts[-1] == "__init__" else parts)])


def circles(imports: Mapping[str, set[str]]) -> list[list[str]]:
    """Groups of modules that import one another in a loop, at any level of their code."""
    reached = {name: set(targets) for name, targets in imports.items()}
    for middle in imports:  # Warshall's closure
        for name in imports:
            if middle in reached[name]:
                reached[name] |= reached[middle]
    looped = {name for name in imports if name in reached[name]}
    return sorted({tuple(sorted(m for m in looped if m in reached[name] and name in reached[m])) for name in looped})


def graph(files: Sequence[Path]) -> dict[str, set[str]]:
    modules = {module_of(path) for path in files}
    return {module_of(path): {name for name in imports_anywhere(path) if name in modules} for path in files}


def test_no_modules_import_one_another_in_a_circle() -> None:
    assert circles(graph(FILES)) == []


def test_a_circle_is_seen() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}}) == [("b", "c")]


def listed(init: Path) -> set[str]:
    """The names in a folder's `__all__`."""
    for node in ast.parse(init.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return set(ast.literal_eval(node.value))
    return set()


DOORS = {module_of(path): listed(path) for path in FILES if path.name == "__init__.py"}


def past_the_door(importer: str, names: Iterable[str], doors: Mapping[str, set[str]]) -> list[str]:
    """What a module imports of folders it is not in that their `__init__` does not list."""
    wrong = []
    for name in names:
        for folder, public in doors.items():
            inner = name.removeprefix(f"{folder}.").split(".")[0]
            if name.startswith(f"{folder}.") and not within(importer, folder) and inner not in public:
                wrong.append(name)
    return wrong


@pytest.mark.parametrize("path", FILES, ids=label)
def test_a_folder_is_entered_through_the_names_its_door_lists(path: Path) -> None:
    assert past_the_door(module_of(path), imports_anywhere(path), DOORS) == []


def test_a_way_past_the_door_is_seen() -> None:
    doors = {"dgf.pipeline": {"posts"}, "dgf.pipeline.posts": {"Post"}}
    names = ["dgf.pipeline.posts", "dgf.pipeline.posts.Post", "dgf.pipeline.posts.base", "dgf.pipeline.encoders"]
    assert past_the_door("dgf.workflows.train", names, doors) == names[2:]
    assert past_the_door("dgf.pipeline.posts.jsonl", names[:3], doors) == []


@pytest.mark.parametrize("door", sorted(DOORS))
def test_a_door_has_a_sentence_and_lists_only_what_is_there(door: str) -> None:
    folder = REPOSITORY.joinpath(*door.split(".")[1:])
    tree = ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))
    bound = {
        alias.asname or alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    rooms = {path.stem for path in folder.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}
    assert ast.get_docstring(tree)
    assert DOORS[door] and DOORS[door] <= bound | rooms


@pytest.mark.parametrize("folder", sorted({path.parent for path in FILES}), ids=label)
def test_a_folder_is_small_enough_to_be_read(folder: Path) -> None:
    assert len(list(folder.glob("*.py"))) <= (20 if folder.name == "cli" else 14)


def public_names(path: Path) -> Iterator[str]:
    """What a file defines at its top level, apart from private names."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        found: list[str] = []
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found = [node.name]
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found = [target.id for target in targets if isinstance(target, ast.Name)]
        yield from (name for name in found if not name.startswith("_"))


def test_no_two_files_define_the_same_name() -> None:
    files = defaultdict(list)
    for path in FILES:
        for name in set(public_names(path)):
            files[name].append(label(path))
    assert {name: paths for name, paths in files.items() if len(paths) > 1} == {}


@pytest.mark.parametrize("path", [path for path in FILES if "cli" not in path.parts], ids=label)
def test_only_the_command_line_prints(path: Path) -> None:
    calls = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    assert [node.lineno for node in calls if ast.unparse(node.func) in ("print", "sys.stdout.write")] == []


@pytest.mark.parametrize("path", sorted((REPOSITORY / "cli").glob("*.py")), ids=label)
def test_commands_import_only_what_is_light(path: Path) -> None:
    wrong = [
        name
        for name in imports_at_module_level(path)
        if not any(within(name, light) for light in LIGHT) and name.split(".")[0] not in sys.stdlib_module_names
    ]
    assert not wrong


def test_evaluation_imports_nothing_heavy_that_it_does_not_use() -> None:
    code = "import sys, dgf.workflows.evaluate; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found = done.stdout.split()
    assert "dgf.workflows.evaluate" in found
    assert [name for name in UNUSED_BY_EVALUATION if name in found] == []


def dangers(tree: ast.AST) -> Iterator[str]:
    """Calls that run what a file says, or read more than weights from it."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        keywords = {word.arg: word.value for word in node.keywords}
        if name in ("eval", "exec", "__import__", "os.system", "yaml.load", "yaml.unsafe_load", "yaml.full_load"):
            yield f"{name} at line {node.lineno}"
        if name.split(".")[0] in ("marshal", "shelve", "dill", "joblib"):
            yield f"{name} at line {node.lineno}"
        if name in ("pickle.load", "pickle.Unpickler", "cloudpickle.load", "pandas.read_pickle", "torch.hub.load"):
            yield f"{name} at line {node.lineno}"
        if name == "torch.load" and not _is(keywords.get("weights_only"), True):
            yield f"torch.load without weights_only=True at line {node.lineno}"
        if name in ("np.load", "numpy.load") and _is(keywords.get("allow_pickle"), True):
            yield f"{name} with pickle at line {node.lineno}"
        if "trust_remote_code" in keywords and not _is(keywords["trust_remote_code"], False):
            yield f"trust_remote_code at line {node.lineno}"
        if _is(keywords.get("shell"), True):
            yield f"shell=True at line {node.lineno}"
        if name.endswith("merge_from_file") and _is(keywords.get("allow_unsafe"), True):
            yield f"unsafe YAML at line {node.lineno}"


def _is(node: ast.AST | None, value: bool) -> bool:
    return isinstance(node, ast.Constant) and node.value is value


@pytest.mark.parametrize("path", FILES, ids=label)
def test_nothing_runs_what_a_file_says(path: Path) -> None:
    assert not list(dangers(ast.parse(path.read_text(encoding="utf-8"))))


@pytest.mark.parametrize(
    "code",
    [
        "eval(line)",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "yaml.load(text, Loader=yaml.Loader)",
        "pickle.load(file)",
        "np.load(path, allow_pickle=True)",
        "AutoModel.from_pretrained(name, trust_remote_code=True)",
        "cfg.merge_from_file(path, allow_unsafe=True)",
    ],
)
def test_the_dangers_are_seen(code: str) -> None:
    assert list(dangers(ast.parse(code)))


@pytest.mark.parametrize("path", FILES, ids=label)
def test_files_stay_readable(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


def test_every_package_is_installed_under_dgf() -> None:
    assert (REPOSITORY / "setup.cfg").is_file()
    folders = {p.parent for package in PACKAGES for p in (REPOSITORY / package).rglob("*.py")}
    text = (REPOSITORY / "setup.cfg").read_text(encoding="utf-8")
    for folder in folders:
        inside = folder.relative_to(REPOSITORY).as_posix()
        assert f"dgf.{inside.replace('/', '.')} = {inside}\n" in text
        assert (folder / "__init__.py").is_file() and (folder / "py.typed").is_file()
