"""Fixtures that every test may use."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.browser import find_chromium

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The research data (MNRE text, sample photos, golden values); the test is skipped where it is absent."""
    folder = Path(os.environ.get("DGF_SHARED", REPOSITORY.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"no research data at {folder}; set DGF_SHARED to its folder")
    return folder


@pytest.fixture(scope="module")  # not longer: while it is open, no other event loop can run in this thread
def browser() -> Iterator[Any]:
    """Headless Chromium; the test is skipped where there is none."""
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="playwright drives the browser: pip install '.[test]'"
    )
    program = find_chromium()
    if program is None:
        pytest.skip("no Chromium on the path; set CHROMIUM to its program")
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=program)
        yield started
        started.close()
