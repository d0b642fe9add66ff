from pathlib import Path

import numpy as np
from PIL import Image

from dgf.pipeline.photos.contact_sheet import Tile, write_sheet


def test_boxes_lie_where_they_are_in_the_photo(tmp_path: Path) -> None:
    photo = np.full((420, 840, 3), 10, np.uint8)  # drawn at half size
    box = np.array([[200, 100, 400, 300]], np.float32)
    write_sheet(
        [Tile("a photo", photo, box, ["x 0.9"], "a caption"), Tile("none", None, text="gone")], tmp_path / "s.png"
    )
    sheet = np.asarray(Image.open(tmp_path / "s.png").convert("RGB"))
    assert list(tmp_path.iterdir()) == [tmp_path / "s.png"]
    red = np.argwhere((sheet == (0xE6, 0x19, 0x4B)).all(-1))
    top, left = 12 + 17, 12  # margin and title
    assert (red.min(0) - (top, left) == (50, 100)).all()
    assert (red.max(0) - (top, left) == (149, 199)).all()


def test_many_tiles_of_all_shapes_and_boxes_at_the_border(tmp_path: Path) -> None:
    boxes = np.array([[0, 0, 1, 1], [0, 0, 5000, 9], [4990, 0, 5000, 10]], np.float32)
    tiles = [
        Tile("x" * 300, np.zeros(shape, np.uint8), boxes[:count], ["a label that is long"] * count, "word " * 60)
        for count, shape in enumerate([(10, 5000, 3), (5000, 10, 3), (1, 1, 3), (10, 5000, 3)])
    ]
    write_sheet([*tiles, tiles[0]], tmp_path / "s.png")
    with Image.open(tmp_path / "s.png") as sheet:
        assert sheet.width == 4 * (420 + 12) + 12
