"""The model that `dgf predict demo` takes."""

from pathlib import Path

import pytest

from dgf.pipeline.errors import UserError
from dgf.workflows.demo.kept import find_run, keep_run


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "cache"


def test_what_was_kept_is_found_by_name_and_the_last_kept_counts(cache: Path, tmp_path: Path) -> None:
    for name in ("first", "second"):
        (tmp_path / name / "checkpoints").mkdir(parents=True)
        (tmp_path / name / "checkpoints/last.pt").write_text("large", encoding="utf-8")
        (tmp_path / name / "model.json").write_text(name, encoding="utf-8")
        keep_run(tmp_path / name)
    kept = find_run(Path("demo"))
    assert kept.is_relative_to(cache)
    assert [item.name for item in kept.iterdir()] == ["model.json"]
    assert (kept / "model.json").read_text(encoding="utf-8") == "second"
    assert [item.name for item in kept.parent.iterdir()] == ["demo"]


@pytest.mark.usefixtures("cache")
def test_a_folder_of_that_name_comes_first_and_other_names_mean_themselves(tmp_path: Path) -> None:
    assert find_run(Path("runs/demo")) == Path("runs/demo")
    (tmp_path / "demo").mkdir()
    assert find_run(Path("demo")) == Path("demo")


@pytest.mark.usefixtures("cache")
def test_without_a_kept_model_the_command_that_makes_one_is_named() -> None:
    with pytest.raises(UserError, match="no demo's model is kept") as error:
        find_run(Path("demo"))
    assert error.value.hint is not None and "`dgf demo`" in error.value.hint
