import ast
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dgf.pipeline.features import SeenObjects
from dgf.workflows.demo.attributed import Attributed, image_id_of, read_lines
from dgf.workflows.demo.page import DemoFindings, Reading, write_demo_page
from dgf.workflows.demo.world import SIDE_FILE, write_world
from support.browser import DESK, PHONE, open_page

SCRIPT = "<script>alert(1)</script>"
ROLES = ("Photos that help", "Photos that mean nothing", "Photos that mislead")


def page_of(folder: Path) -> str:
    """The report of a few posts with one object each, left and top in the photo; the caption is hostile."""
    posts = folder / "posts"
    write_world(posts, {"train": 2, "val": 2, "test": 12})
    known = read_lines(posts / SIDE_FILE)
    effects = {"photo": 1.25, "objects": [0.5, 0.0, 0.0]}
    answers = {
        line["id"]: {
            "relation": "None",
            "probability": 0.75,
            "best": {"None": 0.75, "/per/org/member_of": 0.25},
            "attributions": {"effects": effects},
        }
        for line in known
        if line["id"].startswith("test:")
    }
    objects = {
        image_id_of(line): SeenObjects(np.array([[0, 0, w / 2, h / 2]], np.float32), ("ball",), (h, w))
        for line in known
        for w, h in [line["size"]]
    }
    readings = [Reading("text alone", 61.0, 66.7), Reading("everything", 95.4, 98.6)]
    captions = dict.fromkeys(objects, f"a ball {SCRIPT}")
    page = folder / "report.html"
    findings = DemoFindings(posts, readings, Attributed(0.86, None), known, answers, objects, captions)
    write_demo_page(page, findings)
    return page.read_text(encoding="utf-8")


def data_of(page: str, name: str) -> Any:
    found = re.search(rf'<script type="application/json" id="{name}">(.*?)</script>', page, re.DOTALL)
    assert found
    return json.loads(found[1])


def test_a_page_shows_figures_and_posts_and_needs_no_other_file(tmp_path: Path) -> None:
    page = page_of(tmp_path)
    assert "95.4" in page and "98.6" in page and "0.86" in page
    assert "one that matters" not in page  # what could not be told is not shown
    known = {line["id"]: line for line in read_lines(tmp_path / "posts" / SIDE_FILE) if line["id"].startswith("test:")}
    data = data_of(page, "post-data")
    assert {post["id"] for post in data["posts"]} == set(known) and len(data["posts"]) == len(known)
    assert len(data_of(page, "picture-data")) == len(known)
    assert not re.findall(r'(?:src|href)="(?!data:)', page)
    for post in data["posts"]:
        assert post["boxes"] == [[0, 0, 500, 500, data["classes"].index("ball"), 100, 0.5]]
        assert data["relations"][post["gold"]] == known[post["id"]]["relation"]
        assert post["note"] == f"decided by {known[post['id']]['decided_by']}"
    groups = [post["group"] for post in data["posts"]]
    assert groups == sorted(groups, key=ROLES.index)


def test_words_of_posts_and_captions_are_words_on_the_page(tmp_path: Path) -> None:
    page = page_of(tmp_path)
    assert SCRIPT not in page and "alert(1)" in page


@pytest.mark.parametrize("width", [PHONE, DESK])
def test_a_browser_shows_the_page_without_complaint(tmp_path: Path, browser: Any, width: int) -> None:
    page_of(tmp_path)
    opened = open_page(browser, tmp_path / "report.html", width)
    assert opened.page.locator("article img").count() == 12
    assert set(opened.page.locator("h3").all_inner_texts()) <= set(ROLES)
    assert (opened.complaints, opened.requests, opened.dialogs) == ([], [], [])
    assert (opened.missing_pictures(), opened.beyond(), opened.too_small()) == (0, 0, [])


def test_mentions_are_marked_where_they_are(tmp_path: Path, browser: Any) -> None:
    page_of(tmp_path)
    opened = open_page(browser, tmp_path / "report.html")
    for number, line in enumerate((tmp_path / "posts/txt/ours_test.txt").read_text(encoding="utf-8").splitlines(), 1):
        row = ast.literal_eval(line)
        article = opened.page.locator("article", has=opened.page.get_by_text(f"test:{number}", exact=True))
        for mention, where in ((row["h"], "head"), (row["t"], "tail")):
            assert article.locator(f".sentence .{where}").all_inner_texts() == [mention["name"]]
