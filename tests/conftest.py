"""Fixtures that every test may use."""

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The research data (MNRE text, sample photos, golden values); the test is skipped where it is absent."""
    folder = Path(os.environ.get("DGF_SHARED", REPOSITORY.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"no research data at {folder}; set DGF_SHARED to its folder")
    return folder
