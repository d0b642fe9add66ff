"""`dgf env`: every fact of a bug report, and a broken part told instead of hidden."""

import importlib.metadata
import json
import platform

import pytest
from click.testing import CliRunner

from dgf.cli.main import cli
from dgf.workflows import environment


def test_table_and_json_tell_the_same() -> None:
    table = CliRunner().invoke(cli, ["env"])
    facts = json.loads(CliRunner().invoke(cli, ["env", "--json"]).stdout)
    assert table.exit_code == 0
    told = [line.split(maxsplit=1)[0] for line in table.stdout.splitlines()]
    assert told == list(facts)
    assert facts["python"].startswith(platform.python_version())
    assert facts["torch"] == importlib.metadata.version("torch")
    assert {"CUDA", "devices", "detectron2", "HDF5", "dask", "CPU", "memory", "threads"} <= set(facts)
    assert all(not value.startswith("fails") for value in facts.values()), facts


def test_detectron2_says_whether_its_compiled_part_loads() -> None:
    told = environment.describe_environment()["detectron2"]
    assert "compiled part" in told or told.startswith("absent")


def test_what_is_absent_or_broken_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> str:
        raise ImportError("libhdf5.so: cannot open shared object file")

    monkeypatch.setattr(environment, "PACKAGES", ("no-such-package",))
    monkeypatch.setattr(environment, "_hdf5", broken)
    facts = environment.describe_environment()
    assert facts["no-such-package"] == "absent"
    assert facts["HDF5"] == "fails: ImportError: libhdf5.so: cannot open shared object file"
