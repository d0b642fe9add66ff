"""Captions that the user brings, as a captioner."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from dgf.pipeline.captioners.base import Caption, CaptionInput, missing
from dgf.pipeline.faults import FaultLog, RowError, show_value
from dgf.pipeline.lines import read_objects
from dgf.pipeline.posts import parse_row, plain_path

NOT_THERE = "not in the file of captions"
_NOT_EMPTY = "image_id and caption must be text that is not empty"
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
    for number, image_id, text in caption_lines(path, log):
        with log.at(path, number):
            if not text:
                raise RowError(_NOT_EMPTY)
            if captions.setdefault(image_id, text) != text:
                raise RowError(f"{image_id} has another caption in an earlier line: keep one of them")
    log.finish("stop", CAPTION_FORM)
    return captions


def caption_lines(path: Path, log: FaultLog) -> Iterator[tuple[int, str, str]]:
    """Yield line number, image id and caption ("" where it is empty); lines that are not captions go to `log`.

    A line is a JSON object or a Python literal, with `image_id` (or `img_id`) and `caption` (or `text`).

    Raises:
        UserError: The file cannot be read as text.
    """
    for number, row in read_objects(path, log, empty="holds no caption", parse=parse_row):
        with log.at(path, number):
            yield number, *_parse_caption(row)


def _parse_caption(row: Mapping[str, object]) -> tuple[str, str]:
    image_id, text = (_one_of(row, keys) for keys in (("image_id", "img_id"), ("caption", "text")))
    if not image_id.strip():
        raise RowError(_NOT_EMPTY)
    text = " ".join(text.split())
    for name, value in (("image_id", image_id), ("caption", text)):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise RowError(f"{name} holds half a surrogate pair") from None
    return plain_path(image_id), text


def _one_of(row: Mapping[str, object], keys: tuple[str, str]) -> str:
    """The value that stands under one of two keys."""
    given = [row[key] for key in keys if key in row]
    if not given:
        raise RowError(f"'{keys[0]}' is missing")
    if len(given) > 1 and given[0] != given[1]:
        raise RowError(f"'{keys[0]}' and '{keys[1]}' differ")
    if not isinstance(given[0], str):
        raise RowError(f"image_id and caption must be text, not {show_value(given[0])}")
    return given[0]
