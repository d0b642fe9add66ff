"""Scene graphs as the tool Scene-Graph-Benchmark writes them for photos of one's own.

It leaves `custom_prediction.json`, an object with an entry a photo ("0", "1", ...), and beside it
`custom_data_info.json`, which names the photos' files by these numbers. An entry lists up to 80 boxes, every pair of
them as a relation, and scores of each predicate for each pair, which are megabytes a photo: entries are read one after
another.
"""

import io
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from dgf.pipeline.errors import UserError
from dgf.pipeline.faults import FaultLog, RowError, show_value
from dgf.pipeline.graphs.base import SceneGraph, boxes_field, relations_field, scores_field
from dgf.pipeline.lines import parse_json
from dgf.pipeline.posts import plain_path
from dgf.pipeline.text_files import open_text, read_whole

INFO = "custom_data_info.json"

SIDES = (600, 1000)
"""Shorter and longest side that the tool resizes photos to; its boxes are in these pixels."""

RELATIONS_KEPT = 20
"""Of a photo that are kept, the surest ones, as in the tool's own pictures; it lists every pair."""

MAX_ENTRY = 1 << 26
"""Characters of one photo's entry."""

_MAX_INFO = 1 << 26
_CHUNK = 1 << 20
_KEY = re.compile(r'\s*(,?)\s*"([^"\\]{1,20})"\s*:\s*')
_END = re.compile(r"\s*\}\s*")
_FORM = f"Give the `custom_prediction.json` that Scene-Graph-Benchmark wrote, with its {INFO} beside it."


def read_benchmark(path: Path) -> dict[str, SceneGraph]:
    """Read scene graphs by the path of the photo's file, as the tool knew it.

    Raises:
        UserError: A file cannot be read, or entries are not of the form; the first ten are named.
    """
    files = _read_files(path.with_name(INFO))
    graphs: dict[str, SceneGraph] = {}
    log = FaultLog(path)
    for key, entry in _entries(path, log):
        try:
            file, graph = _file_of(key, files), _parse_graph(entry)
            if file in graphs:
                raise RowError(f"a second graph of {file}")
            graphs[file] = graph
        except RowError as error:
            log.add(path, None, f"entry {key!r}: {error}")
    if not graphs and not log.faults:
        log.add(path, None, "holds no scene graph")
    log.finish("stop", _FORM)
    return graphs


def _read_files(path: Path) -> list[str]:
    """Read the photos' files, by number."""
    try:
        info = parse_json(read_whole(path, _MAX_INFO))
    except RowError as error:
        raise UserError(f"{path}: {error}", _FORM) from None
    files = info.get("idx_to_files") if isinstance(info, dict) else None
    if not isinstance(files, list) or not all(isinstance(file, str) and file for file in files):
        raise UserError(f"{path}: idx_to_files must be a list of the photos' files, not {show_value(files)}", _FORM)
    return [plain_path(file.replace("\\", "/")) for file in files]


def _file_of(key: str, files: list[str]) -> str:
    number = int(key) if re.fullmatch(r"[0-9]{1,9}", key) else -1
    if not 0 <= number < len(files):
        raise RowError(f"no number of a photo: {INFO} has those from 0 to {len(files) - 1}")
    return files[number]


def _parse_graph(entry: object) -> SceneGraph:
    if not isinstance(entry, Mapping):
        raise RowError(f"must be an object, not {show_value(entry)}")
    boxes = boxes_field(entry.get("bbox"), "bbox")
    scores_field(entry.get("bbox_scores"), "bbox_scores", len(boxes))
    pairs = relations_field(entry.get("rel_pairs"), "rel_pairs", len(boxes))
    scores = scores_field(entry.get("rel_scores"), "rel_scores", len(pairs))
    surest = np.argsort(-scores, kind="stable")[:RELATIONS_KEPT]
    return SceneGraph(boxes, pairs[surest], SIDES)


def _entries(path: Path, log: FaultLog) -> Iterator[tuple[str, object]]:
    """Yield key and value of each entry of the object that a file holds; what cannot be read ends it, with a fault."""
    with open_text(path) as text:
        window = _Window(text.stream)
        if not window.skip("{"):
            log.add(path, None, "not one JSON object")
            return
        first = True
        while not window.ends():
            key = window.key(first)
            if key is None:
                log.add(path, None, f"not JSON from character {window.position} on; nothing after it is read")
                return
            first = False
            try:
                value = window.value()
            except RowError as error:
                log.add(path, None, f"entry {key!r}: {error}; nothing after it is read")
                return
            yield key, value


class _Window:
    """What of a long JSON text is in memory: the entry that is being read, and a little more."""

    def __init__(self, stream: io.TextIOWrapper) -> None:
        self._stream, self._text, self._at, self._gone, self._over = stream, "", 0, 0, False
        self._decoder = json.JSONDecoder(parse_constant=_refuse)

    @property
    def position(self) -> int:
        """Characters before what is read next, from 1."""
        return self._gone + self._at + 1

    def skip(self, start: str) -> bool:
        """Skip white space and these characters; say whether they are there."""
        self._read_on()
        rest = self._text[self._at :].lstrip()
        if rest.startswith(start):
            self._at = len(self._text) - len(rest) + len(start)
            return True
        return False

    def ends(self) -> bool:
        """Whether the object is closed here, and nothing follows."""
        if len(self._text) - self._at < _CHUNK:
            self._read_on()
        found = _END.match(self._text, self._at)
        return self._over and found is not None and found.end() == len(self._text)

    def key(self, first: bool) -> str | None:
        """Read the key of the next entry, which a comma parts from the one before; None where there is none."""
        found = _KEY.match(self._text, self._at)
        if found is None or bool(found[1]) == first:
            return None
        self._at = found.end()
        return found[2]

    def value(self) -> object:
        """Read the value of the entry.

        Raises:
            RowError: It is no JSON, or too long.
        """
        while True:
            try:
                value: object
                value, self._at = self._decoder.raw_decode(self._text, self._at)
                return value
            except (ValueError, RecursionError) as error:
                if self._over or isinstance(error, RecursionError | RowError):
                    raise RowError(f"not JSON ({error})") from None
            if len(self._text) - self._at > MAX_ENTRY:
                raise RowError(f"longer than {MAX_ENTRY} characters, or not JSON")
            self._read_on()

    def _read_on(self) -> None:
        """Take as much again as there is, so that what is long is not tried often."""
        rest = self._text[self._at :]
        try:
            more = self._stream.read(max(_CHUNK, len(rest)))
        except UnicodeDecodeError:
            more = ""
        self._gone, self._at = self._gone + self._at, 0
        self._text, self._over = rest + more, not more


def _refuse(constant: str) -> None:
    raise RowError(f"{constant} is not a JSON value")
