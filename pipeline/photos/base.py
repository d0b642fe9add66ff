"""What the readers of the formats share: the reason of a photo that cannot be used, limits, and what a header says.

Each limit is there so that no file, whatever it holds, takes more than a few seconds or a gigabyte of memory.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from PIL import Image

Damaged = Literal["fail", "use"]
"""Pixels that a decoder makes of damaged data: a failure, or used as they are."""

MAX_PIXELS = 50_000_000
"""150 MB as RGB; Pillow holds them a second time while they are decoded."""

MAX_COSTLY_PIXELS = 25_000_000
"""Where a pixel takes more time or memory than in a plain JPEG."""

MAX_SIDE = 65_535
"""What JPEG and GIF can say at most. Pillow copies a row again and again until it is whole."""

UNKNOWN = "not a JPEG, PNG, GIF, WebP, BMP or TIFF image, or its header is broken"
TRUNCATED = "truncated"
BROKEN = "broken image data"
DAMAGED = "damaged pixel data"
"""The decoder makes pixels of it, but not those that were stored."""


class ImageError(Exception):
    """A photo cannot be used. Its text is the reason: short, for a user, the same every time (markers hold it)."""


@dataclass(frozen=True, slots=True)
class Container:
    """A photo whose header was read and whose pixels were not.

    Args:
        size: (width, height) in pixels, before it is turned upright.
        load: Gives the pixels, or an image of Pillow's that reads them when asked.
        orientation: The EXIF orientation left to apply, 1 to 8.
        corner: (left, top) of the loaded image, which may be smaller than `size`. The rest is white.
        max_pixels: More are refused.
    """

    size: tuple[int, int]
    load: Callable[[], Image.Image]
    orientation: int = 1
    corner: tuple[int, int] = (0, 0)
    max_pixels: int = MAX_PIXELS

    def check_size(self) -> None:
        """Refuse what has too many pixels, or none.

        Raises:
            ImageError: It does.
        """
        width, height = self.size
        if width < 1 or height < 1:
            raise ImageError("has no pixels")
        if width * height > self.max_pixels:
            raise ImageError(f"more than {self.max_pixels:,} pixels")
        if max(width, height) > MAX_SIDE:
            raise ImageError(f"more than {MAX_SIDE:,} pixels in a row or column")
