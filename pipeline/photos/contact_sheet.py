"""A picture of many photos with the boxes, classes and scores that were found in them, to be looked at."""

import io
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont, PngImagePlugin

from dgf.pipeline.errors import UserError
from dgf.pipeline.files import write_atomic

_OURS = "dgf"
"""What the sheet says it was written by."""

_EDGE = 420
_MARGIN = 12
_LINE = 17
_TITLE_WIDTH = 58
_COLORS = ("#e6194b", "#3cb44b", "#ffe119", "#4363d8", "#f58231", "#42d4f4", "#f032e6", "#bfef45", "#fabed4", "#dcbeff")


@dataclass(frozen=True, slots=True)
class Tile:
    """One photo of the sheet.

    Args:
        title: Above it, on one line.
        photo: (H, W, 3) uint8 RGB, None for a photo that cannot be shown.
        boxes: (n, 4) x1 y1 x2 y2 in pixels of the photo.
        labels: One per box.
        text: Below it: a caption, or why there is no photo.
    """

    title: str
    photo: npt.NDArray[np.uint8] | None
    boxes: npt.NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 4), np.float32))
    labels: Sequence[str] = ()
    text: str = ""


def write_sheet(tiles: Sequence[Tile], path: Path, *, columns: int = 4) -> None:
    """Draw at least one tile, row by row, into a PNG that is written whole or not at all.

    Raises:
        UserError: A file is there that is no such sheet.
    """
    _check_place(path)
    drawn = [_draw_tile(tile) for tile in tiles]
    rows = [drawn[start : start + columns] for start in range(0, len(drawn), columns)]
    heights = [max(tile.height for tile in row) for row in rows]
    width = min(columns, len(drawn)) * (_EDGE + _MARGIN) + _MARGIN
    sheet = Image.new("RGB", (width, sum(heights) + (len(rows) + 1) * _MARGIN), "white")
    top = _MARGIN
    for row, height in zip(rows, heights, strict=True):
        for column, tile in enumerate(row):
            sheet.paste(tile, (_MARGIN + column * (_EDGE + _MARGIN), top))
        top += height + _MARGIN
    buffer = io.BytesIO()
    about = PngImagePlugin.PngInfo()
    about.add_text("Software", _OURS)
    sheet.save(buffer, "PNG", pnginfo=about)
    write_atomic(path, buffer.getvalue())


def _check_place(path: Path) -> None:
    """Refuse to replace what is not an earlier sheet."""
    if path.exists() and f"Software\0{_OURS}".encode() not in path.read_bytes()[:200]:
        raise UserError(f"{path}: is there, and dgf did not write it: it is not overwritten", "Name another file.")


def _draw_tile(tile: Tile) -> Image.Image:
    if tile.photo is None:
        photo, scale = Image.new("RGB", (_EDGE, _EDGE // 4), "#dddddd"), 1.0
    else:
        photo = Image.fromarray(tile.photo)
        scale = _EDGE / max(photo.size)
        photo = photo.resize((max(1, round(photo.width * scale)), max(1, round(photo.height * scale))))
    _draw_boxes(photo, tile.boxes * scale, tile.labels)
    lines = textwrap.wrap(tile.text, _TITLE_WIDTH)
    drawn = Image.new("RGB", (_EDGE, photo.height + _LINE * (1 + len(lines)) + 4), "white")
    drawn.paste(photo, (0, _LINE))
    draw = ImageDraw.Draw(drawn)
    title = tile.title if len(tile.title) <= _TITLE_WIDTH else f"...{tile.title[3 - _TITLE_WIDTH :]}"
    draw.text((0, 0), title, fill="black", font=ImageFont.load_default(13))
    for index, line in enumerate(lines):
        draw.text((0, _LINE * (index + 1) + photo.height), line, fill="#333333", font=ImageFont.load_default(13))
    return drawn


def _draw_boxes(photo: Image.Image, boxes: npt.NDArray[np.float32], labels: Sequence[str]) -> None:
    """Draw the last box first, so that the best lies on top."""
    draw = ImageDraw.Draw(photo)
    font = ImageFont.load_default(11)
    for index in reversed(range(len(boxes))):
        color = _COLORS[index % len(_COLORS)]
        left, top, right, bottom = (float(edge) for edge in boxes[index])
        draw.rectangle((left, top, max(left, right - 1), max(top, bottom - 1)), outline=color, width=2)
        spot = draw.textbbox((left + 2, max(0.0, top)), labels[index], font=font)
        beyond = max(0.0, spot[2] + 1 - photo.width)
        spot = (spot[0] - beyond, spot[1], spot[2] - beyond, spot[3])
        draw.rectangle((spot[0] - 1, spot[1] - 1, spot[2] + 1, spot[3] + 1), fill=color)
        draw.text((left + 2 - beyond, max(0.0, top)), labels[index], fill="black", font=font)
