"""Captions that the user brings, as a captioner."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from dgf.pipeline.captioners.base import Caption, CaptionInput, missing
from dgf.pipeline.faults import FaultLog, RowError
from dgf.pipeline.lines import read_objects
from dgf.pipeline.posts import plain_path

NOT_THERE = "not in the file of captions"
CAPTION_FORM = 'Each line is an object such as {"image_id": "train/photo.jpg", "caption": "a dog on the grass"}.'


class FileCaptioner:
    """Looks captions up by any of a photo's ids."""

    def __init__(self, captions: dict[str, str]) -> None:
        self._captions = captions

    def caption(self, photos: Sequence[CaptionInput]) -> list[Caption]:
        """Return the user's caption of each photo; its log-probability is not known."""
        texts = [self._find(photo) for photo in photos]
        return [missing(NOT_THERE) if text is None else Caption(text, float("nan")) for text in texts]

    def _find(self, photo: CaptionInput) -> str | None:
        names = map(plain_path, photo.ids)
        return next((self._captions[name] for name in names if name in self._captions), None)


def read_caption_file(path: Path) -> dict[str, str]:
    """Read captions by image id, with runs of white space made one space.

    Raises:
        UserError: Names the lines that are not captions, or that give a photo another caption than an earlier line.
    """
    captions: dict[str, str] = {}
    log = FaultLog(path)
    for number, row in read_objects(path, log, empty="holds no caption"):
        with log.at(path, number):
            image_id, text = _parse_caption(row)
            if captions.setdefault(image_id, text) != text:
                raise RowError(f"{image_id} has another caption in an earlier line: keep one of them")
    log.finish("stop", CAPTION_FORM)
    return captions


def _parse_caption(row: Mapping[str, object]) -> tuple[str, str]:
    for key in ("image_id", "caption"):
        if key not in row:
            raise RowError(f"'{key}' is missing")
    image_id, text = row["image_id"], row["caption"]
    if not (isinstance(image_id, str) and isinstance(text, str) and image_id and text.strip()):
        raise RowError("image_id and caption must be text that is not empty")
    text = " ".join(text.split())
    try:
        text.encode()
    except UnicodeEncodeError:
        raise RowError("caption holds half a surrogate pair") from None
    return plain_path(image_id), text
