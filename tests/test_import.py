"""`import dgf`: what it offers, and that nothing heavy comes with it."""

import subprocess
import sys

import dgf


def test_nothing_heavy_is_imported_before_it_is_asked_for() -> None:
    code = "import sys, dgf; print(*(name for name in sys.modules if '.' not in name))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "dgf" in found and not {"torch", "numpy", "transformers", "click", "h5py"} & {*found}


def test_every_name_is_there() -> None:
    assert all(getattr(dgf, name) for name in dgf.__all__)
    assert dgf.Answer.__module__ == "dgf.workflows.predict.answer"
