import ast
import html
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dgf.workflows.demo.attributed import Attributed, SeenObjects, image_id_of, read_lines
from dgf.workflows.demo.page import Reading, write_page
from dgf.workflows.demo.world import SIDE_FILE, write_world
from support.browser import DESK, PHONE, open_page

SCRIPT = "<script>alert(1)</script>"


def page_of(folder: Path) -> str:
    """The report of a few posts with one object each; the caption is hostile."""
    posts = folder / "posts"
    write_world(posts, {"train": 2, "val": 2, "test": 12})
    known = read_lines(posts / SIDE_FILE)
    effects = {"photo": 1.25, "objects": [0.5, 0.0, 0.0]}
    answers = {
        line["id"]: {"relation": "None", "probability": 0.75, "attributions": {"effects": effects}}
        for line in known
        if line["id"].startswith("test:")
    }
    objects = {image_id_of(line): SeenObjects(np.array([[1, 2, 31, 42]], np.float32), ("ball",)) for line in known}
    readings = [Reading("text alone", 61.0, 66.7), Reading("everything", 95.4, 98.6)]
    captions = dict.fromkeys(objects, f"a ball {SCRIPT}")
    page = folder / "report.html"
    write_page(page, posts, readings, Attributed(0.86, None), known, answers, objects, captions)
    return page.read_text(encoding="utf-8")


def test_a_page_shows_figures_and_posts_and_needs_no_other_file(tmp_path: Path) -> None:
    page = page_of(tmp_path)
    assert "95.4" in page and "98.6" in page and "0.86" in page
    assert "one that matters" not in page  # what could not be told is not shown
    known = [line for line in read_lines(tmp_path / "posts" / SIDE_FILE) if line["id"].startswith("test:")]
    assert page.count("data:image/jpeg;base64,") == len(known)
    assert re.search(r'<rect x="1.0" y="2.0" width="30.0" height="40.0"', page)
    assert not re.findall(r'(?:src|href)="(?!data:)', page)
    wrong = [line for line in known if line["relation"] != "None"]
    assert all(f"is {line['relation']}" in page for line in wrong)
    assert page.count('class="wrong"') == len(wrong) and page.count('class="right"') == len(known) - len(wrong)


def test_words_of_posts_and_captions_are_words_on_the_page(tmp_path: Path) -> None:
    page = page_of(tmp_path)
    assert SCRIPT not in page and "&lt;script&gt;" in page


def test_mentions_are_marked_where_they_are(tmp_path: Path) -> None:
    page = html.unescape(page_of(tmp_path))
    for line in (tmp_path / "posts/txt/ours_test.txt").read_text(encoding="utf-8").splitlines():
        row = ast.literal_eval(line)
        for mention, where in ((row["h"], "head"), (row["t"], "tail")):
            for word in mention["name"].split():
                assert f'<span class="{where}">{word}</span>' in page


@pytest.mark.parametrize("width", [PHONE, DESK])
def test_a_browser_shows_the_page_without_complaint(tmp_path: Path, browser: Any, width: int) -> None:
    page_of(tmp_path)
    opened = open_page(browser, tmp_path / "report.html", width)
    assert opened.page.locator("svg image").count() == 12
    assert (opened.complaints, opened.requests, opened.dialogs) == ([], [], [])
    assert (opened.missing_pictures(), opened.beyond(), opened.too_small()) == (0, 0, [])
