"""Captions that the user brings, as a captioner."""

import json
from collections.abc import Sequence
from pathlib import Path

from dgf.pipeline.captioners.base import Caption, CaptionInput, missing
from dgf.pipeline.errors import UserError

NOT_THERE = "not in the file of captions"
ROWS = 'Each line is an object such as {"image_id": "train/photo.jpg", "caption": "a dog on the grass"}.'


class FileCaptioner:
    """Looks captions up by any of a photo's ids."""

    def __init__(self, captions: dict[str, str]) -> None:
        self._captions = captions

    def caption(self, photos: Sequence[CaptionInput]) -> list[Caption]:
        """The user's caption of each photo; nobody knows its log-probability."""
        return [self._look(photo.ids) for photo in photos]

    def _look(self, ids: Sequence[str]) -> Caption:
        text = next((self._captions[image_id] for image_id in ids if image_id in self._captions), None)
        return missing(NOT_THERE) if text is None else Caption(text, float("nan"))


def read_caption_file(path: Path) -> dict[str, str]:
    """Captions by image id, white space made single.

    Raises:
        UserError: Names the line that is no caption, or that gives a photo another caption than an earlier line.
    """
    captions: dict[str, str] = {}
    try:
        lines = path.read_text(encoding="utf-8").split("\n")  # splitlines would split inside JSON strings
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read: {error}.", "Give a JSONL file as --captions.") from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            image_id, text = row["image_id"], row["caption"]
            if not (isinstance(image_id, str) and isinstance(text, str) and image_id and text.strip()):
                raise ValueError("image_id and caption must be text that is not empty")
            text = " ".join(text.split())
            text.encode()
        except (ValueError, KeyError, TypeError) as error:
            fault = f"{error} is missing" if isinstance(error, KeyError) else str(error)
            raise UserError(f"{path}:{number}: {fault}.", ROWS) from error
        if captions.setdefault(image_id, text) != text:
            raise UserError(f"{path}:{number}: {image_id} has another caption in an earlier line.", "Keep one of them.")
    if not captions:
        raise UserError(f"{path} holds no caption.", ROWS)
    return captions
