"""The rules that hold the house together, read off the source: who may import whom, and what no file may do."""

import ast
import sys
from collections.abc import Iterator
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

LIGHT = ("click", "annotated_types", "typing_extensions", "dgf.cli", "dgf.workflows.settings")
"""What the command line may import before a command runs, beside the standard library."""


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


@pytest.mark.parametrize("path", sorted((REPOSITORY / "cli").glob("*.py")), ids=label)
def test_commands_import_only_what_is_light(path: Path) -> None:
    wrong = [
        name
        for name in imports_at_module_level(path)
        if not any(within(name, light) for light in LIGHT) and name.split(".")[0] not in sys.stdlib_module_names
    ]
    assert not wrong


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
