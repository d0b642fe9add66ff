import base64
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dgf.workflows.scoring.report.pictures import BUDGET, SIZES, Pictures, make_pictures


def write_photos(folder: Path, count: int) -> list[str]:
    """Photos of noise, of one size and hardly different in how small they become."""
    rng = np.random.default_rng(0)
    for number in range(count):
        Image.fromarray(rng.integers(0, 256, (300, 400, 3), np.uint8)).save(folder / f"{number}.png")
    return [f"{number}.png" for number in range(count)]


def widths(pictures: Pictures) -> set[int]:
    return {Image.open(io.BytesIO(base64.b64decode(jpeg))).width for jpeg in pictures.jpegs}


def total(pictures: Sequence[str]) -> int:
    return sum(map(len, pictures))


def test_a_photo_is_there_once_however_many_posts_show_it(tmp_path: Path) -> None:
    first, second = write_photos(tmp_path, 2)
    (tmp_path / "copy.png").write_bytes((tmp_path / first).read_bytes())
    found = make_pictures(tmp_path, [first, second, first, "copy.png", second])
    assert found.places == {first: 0, second: 1, "copy.png": 0}
    assert len(found.jpegs) == 2 and widths(found) == {SIZES[0][0]}
    assert (found.left_out, found.unreadable) == (0, 0)


def test_a_small_photo_is_not_made_larger(tmp_path: Path) -> None:
    Image.new("RGB", (30, 20), "red").save(tmp_path / "small.png")
    assert widths(make_pictures(tmp_path, ["small.png"])) == {30}


def test_pictures_are_made_smaller_where_they_do_not_fit(tmp_path: Path) -> None:
    names = write_photos(tmp_path, 6)
    large = total(make_pictures(tmp_path, names).jpegs)
    assert large < BUDGET
    fewer = make_pictures(tmp_path, names, large - 1)
    assert widths(fewer) == {SIZES[1][0]} and len(fewer.places) == 6 and fewer.left_out == 0
    assert total(fewer.jpegs) < large


@pytest.mark.parametrize("room", [3, 5])
def test_the_last_photos_are_left_out_and_counted_where_even_small_ones_do_not_fit(tmp_path: Path, room: int) -> None:
    names = write_photos(tmp_path, 6)
    one = max(map(len, make_pictures(tmp_path, names, 1 << 14).jpegs))
    (smallest,) = widths(make_pictures(tmp_path, names, 1 << 14))
    assert smallest == SIZES[-1][0]
    found = make_pictures(tmp_path, ["gone.png", *names], one * room + one // 2)
    assert list(found.places) == names[:room] and found.left_out == 6 - room and found.unreadable == 1
    assert total(found.jpegs) <= one * room + one // 2


def test_what_is_no_photo_is_counted(tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("not found")
    found = make_pictures(tmp_path, ["text.jpg", "gone.jpg", "../secret.jpg"])
    assert found == Pictures((), {}, 0, 3)
