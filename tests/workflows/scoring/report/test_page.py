"""`report.html` in a browser, as a reader uses it: with the mouse, with the keyboard, on a phone, at night."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from dgf.pipeline.errors import UserError
from dgf.pipeline.posts import NONE, Mention, Post, read_dataset
from dgf.workflows.scoring.report import PostSection, ShownPost, check_page_place, make_page, render_page
from support.browser import DESK, PHONE, OpenedPage, open_page
from support.evaluated_posts import answer_posts, report_of, show

RELATIONS = (
    NONE,
    "/per/per/alternate_names",
    "/per/loc/place_of_residence",
    "/org/org/subsidiary",
    "/per/org/member_of",
)
SCRIPT = "<script>alert(1)</script>"
HOSTILE = (
    SCRIPT,
    "</script><script>alert(2)</script>",
    "<img src=x onerror=alert(3)>",
    "\u2028 <!-- {{ 7 * 7 }} ' \" &amp;",
)
QUOTED = "it's \"><script>alert(4)</script>.png"
PAGE = 50

Opener = Callable[..., OpenedPage]


def make_posts(folder: Path, count: int) -> list[Post]:
    """Posts of every relation; three in four name a photo: with quotes in its name, plain, or not there."""
    names = [QUOTED, "a.png", "gone.png"]
    for number, name in enumerate(names[:2]):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (400, 300), (90 * number, 120, 60)).save(folder / name)
    posts = []
    for i in range(count):
        words = (*("so",) * (i % 27), "Ada", "Lovelace", "met", HOSTILE[i % 4], f"club{i}")
        head, tail = (
            Mention("Ada Lovelace", len(words) - 5, len(words) - 3),
            Mention(words[-1], len(words) - 1, len(words)),
        )
        relation = RELATIONS[4 if i % 15 == 4 else i % 4]  # the last is rare
        images = tuple(names[i // 4 % 4 : i // 4 % 4 + 1])
        posts.append(Post(f"test:{i}", words, head, tail, images, relation))
    return posts


def shown_posts(folder: Path, count: int = 120) -> list[ShownPost]:
    posts = make_posts(folder, count)
    answers = answer_posts(posts, RELATIONS, explain=True)
    return show(posts, answers, [f"a photo of {HOSTILE[i % 4]}" for i in range(count)])


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("photos")


@pytest.fixture(scope="module")
def shown(photos: Path) -> list[ShownPost]:
    return shown_posts(photos)


@pytest.fixture(scope="module")
def opener(photos: Path, shown: list[ShownPost], browser: Any) -> Opener:
    """Writes a page, of all posts unless told otherwise, and opens it."""
    written: dict[bool, Path] = {}

    def write(rows: list[ShownPost], oracle: bool) -> Path:
        page = photos / f"{'oracle' if oracle else 'honest'}-{len(written)}.html"
        report = report_of([row.post for row in rows], [dict(row.answer) for row in rows], oracle=oracle)
        page.write_bytes(make_page(report, rows, photos))
        return page

    def write_and_open(
        width: int = DESK, *, dark: bool = False, oracle: bool = False, rows: list[ShownPost] | None = None
    ) -> OpenedPage:
        if rows is None and oracle not in written:
            written[oracle] = write(shown, oracle)
        page = written[oracle] if rows is None else write(rows, oracle)
        return open_page(browser, page, width, dark=dark)

    return write_and_open


def ids(opened: OpenedPage) -> list[str]:
    return list(opened.page.locator("article .meta span:first-child").all_inner_texts())


def is_right(row: ShownPost) -> bool:
    return row.answer["relation"] == row.post.relation


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, DESK])
def test_everything_is_there_and_can_be_read(opener: Opener, width: int, dark: bool) -> None:
    opened = opener(width, dark=dark, oracle=True)
    assert opened.page.locator("article").count() == PAGE
    assert opened.page.locator("article img").count() > 10
    assert (opened.missing_pictures(), opened.beyond()) == (0, 0)
    assert (opened.too_small(), opened.too_faint()) == ([], [])


def test_the_page_asks_for_nothing_and_runs_no_word_of_a_post(opener: Opener, shown: list[ShownPost]) -> None:
    rows = [replace(row, note=SCRIPT, group=HOSTILE[2]) for row in shown]
    opened = opener(rows=rows)
    assert (opened.dialogs, opened.requests, opened.complaints) == ([], [], [])
    texts = opened.page.locator("article .sentence").all_text_contents()
    assert [" ".join(row.post.tokens) for row in shown[:PAGE]] == texts
    assert opened.page.locator("figcaption", has_text=SCRIPT).count() == 7
    assert opened.page.locator("article script, article img[onerror]").count() == 0
    # the photo with quotes in its name is there
    article = opened.page.locator("article", has=opened.page.get_by_text("test:1", exact=True))
    assert article.locator("img").evaluate("image => image.naturalWidth") > 0


def test_the_policy_stops_what_would_get_past_the_escaping(opener: Opener) -> None:
    opened = opener()
    opened.page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img id=late src=data:, onerror=alert(5)>')")
    opened.page.evaluate("document.head.append(Object.assign(document.createElement('script'), {text: 'alert(6)'}))")
    opened.page.evaluate("fetch('https://example.org/').catch(() => null)")
    opened.page.wait_for_function("document.getElementById('late').complete")
    assert opened.dialogs == []
    assert sum("Content Security Policy" in said for said in opened.complaints) >= 3


@pytest.mark.parametrize("outcome", ["right", "wrong"])
def test_posts_are_filtered_by_outcome_with_the_keyboard(opener: Opener, shown: list[ShownPost], outcome: str) -> None:
    wanted = [row.post.id for row in shown if is_right(row) == (outcome == "right")]
    opened = opener()
    opened.page.get_by_label("all", exact=True).focus()
    for _ in range(["all", "right", "wrong"].index(outcome)):
        opened.page.keyboard.press("ArrowRight")
    assert ids(opened) == wanted[:PAGE]
    assert opened.page.get_by_role("status").inner_text().startswith(f"{len(wanted)} of 120 posts")


def test_posts_are_filtered_by_relation_and_text(opener: Opener, shown: list[ShownPost]) -> None:
    opened = opener()
    opened.page.get_by_role("combobox", name="relation", exact=True).select_option(RELATIONS[1])
    gold = [row for row in shown if row.post.relation == RELATIONS[1]]
    assert ids(opened) == [row.post.id for row in gold]
    opened.page.get_by_role("combobox", name="predicted", exact=True).select_option(NONE)
    mistaken = [row.post.id for row in gold if row.answer["relation"] == NONE]
    assert ids(opened) == mistaken and mistaken
    opened.page.get_by_role("combobox", name="relation", exact=True).select_option("any relation")
    opened.page.get_by_role("combobox", name="predicted", exact=True).select_option("any relation")
    opened.page.get_by_label("text").press_sequentially("CLUB11")
    assert ids(opened) == ["test:11", *(f"test:{number}" for number in range(110, 120))]
    opened.page.get_by_label("text").fill("nowhere")
    assert ids(opened) == [] and "0 of 120" in opened.page.get_by_role("status").inner_text()


def test_the_surest_posts_come_first_when_asked(opener: Opener, shown: list[ShownPost]) -> None:
    opened = opener()
    opened.page.get_by_label("order").select_option("surest first")
    by_id = {row.post.id: row.answer["probability"] for row in shown}
    found = [round(by_id[post], 3) for post in ids(opened)]
    assert found == sorted(found, reverse=True) and len(found) == PAGE and found[0] == round(max(by_id.values()), 3)


def test_posts_are_turned_page_by_page_with_the_keyboard(opener: Opener) -> None:
    opened = opener()
    assert opened.page.get_by_role("button", name="previous").is_disabled()
    opened.page.get_by_role("button", name="next").press("Enter")
    assert ids(opened)[0] == f"test:{PAGE}"
    opened.page.get_by_role("button", name="next").press("Space")
    assert ids(opened) == [f"test:{number}" for number in range(2 * PAGE, 120)]
    assert opened.page.get_by_role("button", name="next").is_disabled()
    assert opened.page.evaluate("document.activeElement.id") == "posts-title", "a reader goes on from the top"
    opened.page.get_by_role("button", name="previous").press("Enter")
    assert ids(opened)[0] == f"test:{PAGE}"


def test_a_number_of_the_confusion_matrix_shows_its_posts(opener: Opener, shown: list[ShownPost]) -> None:
    opened = opener()
    opened.page.get_by_label("text").fill("nowhere")
    mistaken = [row.post.id for row in shown if (row.post.relation, row.answer["relation"]) == (RELATIONS[2], NONE)]
    button = opened.page.get_by_role("button", name=f"{len(mistaken)} posts: {RELATIONS[2]}, predicted {NONE}")
    assert button.inner_text() == str(len(mistaken)) and mistaken
    button.press("Enter")
    assert ids(opened) == mistaken


@pytest.mark.parametrize("by", ["click", "keyboard"])
def test_tables_are_sorted(opener: Opener, by: str) -> None:
    opened = opener()
    table = opened.page.locator("#relations")

    def sort(name: str) -> str:
        button = table.get_by_role("button", name=name, exact=False)
        button.click() if by == "click" else button.press("Enter")
        return str(button.locator("xpath=..").get_attribute("aria-sort"))

    def column(number: int) -> list[str]:
        return list(table.locator(f"tbody tr > :nth-child({number})").all_inner_texts())

    assert [int(text) for text in column(6)] == sorted(map(int, column(6)), reverse=True)
    assert sort("F1") == "descending"
    figures = [float(text) for text in column(4)]
    assert figures == sorted(figures, reverse=True) and len(set(figures)) > 1
    assert sort("F1") == "ascending"
    assert [float(text) for text in column(4)] == figures[::-1]
    assert sort("rows") == "descending"
    rows = [int(text) for text in column(6)]
    assert rows == sorted(rows, reverse=True) and rows[-1] < 10 < rows[0], "as numbers, not as text"
    assert sort("relation") == "ascending" and column(1) == sorted(RELATIONS[1:])
    assert table.locator("[aria-sort=descending]").count() == 0 and table.locator("[aria-sort=ascending]").count() == 1


def test_slices_sort_in_their_own_order_not_in_that_of_their_letters(opener: Opener) -> None:
    opened = opener()
    table = opened.page.locator("table", has=opened.page.get_by_text("micro F1 by words"))
    before = table.locator("tbody th").all_inner_texts()
    assert before == ["up to 10", "11 to 20", "over 20"]
    table.get_by_role("button", name="words").click()
    assert table.locator("tbody th").all_inner_texts() == before
    table.get_by_role("button", name="words").click()
    assert table.locator("tbody th").all_inner_texts() == before[::-1]


def test_figures_stand_with_their_intervals(opener: Opener, shown: list[ShownPost]) -> None:
    scores = report_of([row.post for row in shown], [dict(row.answer) for row in shown])["scores"]
    row = opener().page.locator("tr.main").inner_text()
    low, high = scores["intervals"]["f1"]
    assert f"{100 * scores['f1']:.2f}" in row and f"{100 * low:.1f} to {100 * high:.1f}" in row


def test_an_oracle_is_marked_wherever_a_figure_or_a_picture_is(opener: Opener) -> None:
    page = opener(oracle=True).page
    assert "not a result" in page.get_by_role("note").inner_text()
    marked = ("How good", "By relation", "What is taken for what", "How sure it is")
    for title in marked:
        assert "oracle" in page.locator("h2", has_text=title).inner_text()
    captions = page.locator("table caption").all_inner_texts()
    assert captions and all("oracle" in caption for caption in captions)
    assert "oracle" in page.locator("svg.plot").text_content()
    assert page.locator(".frame").count() == page.locator(".frame .oracle-mark").count() > 0


def test_an_honest_page_speaks_of_no_oracle(opener: Opener) -> None:
    assert "oracle" not in opener().page.locator("body").inner_text()


def test_boxes_lie_where_the_objects_are(opener: Opener, shown: list[ShownPost]) -> None:
    opened = opener()
    article = opened.page.locator("article", has=opened.page.get_by_text("test:1", exact=True))
    image = article.locator("img").bounding_box()
    objects = shown[1].objects
    assert objects is not None
    boxes = [
        rect.bounding_box() for rect in article.locator("svg rect").all() if rect.evaluate("r => r.closest('.frame')")
    ]
    for box, (x0, y0, x1, y1) in zip(reversed(boxes), objects.boxes / 400, strict=True):
        # the browser's box of a frame takes in its line, at most 5 pixels
        assert abs(box["x"] - (image["x"] + x0 * image["width"])) < 4
        assert abs(box["y"] - (image["y"] + y0 * image["height"])) < 4
        assert abs(box["width"] - (x1 - x0) * image["width"]) < 7
        assert abs(box["height"] - (y1 - y0) * image["height"]) < 7


def test_rows_without_relations_are_predictions_only(photos: Path, shown: list[ShownPost], browser: Any) -> None:
    rows = [replace(row, post=replace(row.post, relation=None)) for row in shown[:6]]
    report = report_of([row.post for row in rows], [dict(row.answer) for row in rows]) | {"scores": None}
    (photos / "bare.html").write_bytes(make_page(report, rows, photos))
    opened = open_page(browser, photos / "bare.html")
    assert opened.complaints == [] and "predictions only" in opened.page.locator("main").inner_text()
    assert all(text.startswith("predicted") for text in opened.page.locator(".verdict").all_inner_texts())


def test_pictures_that_have_no_room_are_counted_and_the_posts_stay(
    photos: Path, shown: list[ShownPost], browser: Any
) -> None:
    report = report_of([row.post for row in shown], [dict(row.answer) for row in shown])
    section = PostSection.of(shown, photos, budget=100)
    (photos / "full.html").write_bytes(render_page("report.html", report=report, section=section))
    opened = open_page(browser, photos / "full.html")
    note = opened.page.locator("#posts .note").inner_text()
    assert "small: 3 of 3 photos" in note and "Cannot" not in note
    assert opened.page.locator("article").count() == PAGE and opened.page.locator("article img").count() == 0


def test_only_a_page_of_ours_is_replaced(photos: Path, opener: Opener, tmp_path: Path) -> None:
    opener()
    check_page_place(next(photos.glob("honest-*.html")), "")
    check_page_place(tmp_path / "new.html", "")
    (tmp_path / "mine.html").write_text("<p>mine</p>")
    with pytest.raises(UserError, match=r"mine\.html: is there, and dgf did not write it"):
        check_page_place(tmp_path / "mine.html", "")


@pytest.mark.long
def test_the_page_of_all_test_posts_of_mnre_stays_small(tmp_path: Path, shared_dir: Path, browser: Any) -> None:
    dataset = read_dataset(shared_dir / "mnre")
    posts = dataset.splits["test"]
    real = sorted((shared_dir / "mnre-sample" / "img_org").glob("*/*.jpg"))
    for number, name in enumerate(sorted({post.image_ids[0] for post in posts})):
        file = tmp_path / "photos" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        # bytes after the end of a JPEG change nothing but what it is known by
        file.write_bytes(real[number % len(real)].read_bytes() + str(number).encode())
    answers = answer_posts(posts, dataset.relations, explain=True)
    page = tmp_path / "report.html"
    page.write_bytes(make_page(report_of(posts, answers), show(posts, answers), tmp_path / "photos"))
    assert page.stat().st_size < 15_000_000
    opened = open_page(browser, page, PHONE)
    assert len(posts) == 1614 and "1,614 posts" in opened.page.get_by_role("status").inner_text()
    assert "Left out" not in opened.page.locator("#posts .note").inner_text()
    assert opened.page.locator("article img").count() == PAGE
    assert (opened.complaints, opened.missing_pictures(), opened.beyond(), opened.too_small()) == ([], 0, 0, [])
