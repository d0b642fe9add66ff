"""Scene graphs of one's own making, one JSON object a line."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dgf.pipeline.faults import FaultLog, RowError, show_value
from dgf.pipeline.graphs.base import SceneGraph, boxes_field, relations_field
from dgf.pipeline.lines import read_objects
from dgf.pipeline.posts import plain_path

_FORM = (
    'Each line is an object such as {"image_id": "train/photo.jpg", "boxes": [[0, 0, 90, 60], [10, 20, 50, 60]], '
    '"relations": [[0, 1, "on"]]}: boxes in pixels of the photo, relations between two of them, counted from 0.'
)


def read_graph_lines(path: Path) -> dict[str, SceneGraph]:
    """Read scene graphs by image id.

    Raises:
        UserError: The file cannot be read, or lines are not of the form; the first ten are named.
    """
    graphs: dict[str, SceneGraph] = {}
    log = FaultLog(path)
    for number, row in read_objects(path, log, empty="holds no scene graph"):
        with log.at(path, number):
            image_id = _image_id(row)
            if image_id in graphs:
                raise RowError(f"a second graph of {image_id}")
            boxes = boxes_field(row.get("boxes"), "boxes")
            graphs[image_id] = SceneGraph(boxes, _pairs(row.get("relations"), len(boxes)))
    log.finish("stop", _FORM)
    return graphs


def _image_id(row: Mapping[str, object]) -> str:
    value = row.get("image_id")
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise RowError(f"image_id must be printable text, not {show_value(value)}")
    return plain_path(value)


def _pairs(value: object, count: int) -> NDArray[np.int64]:
    """Check relations: two boxes, and the relation's name or nothing."""
    if not isinstance(value, list):
        raise RowError(f"relations must be a list, not {show_value(value)}")
    for relation in value:
        named = isinstance(relation, list) and (len(relation) == 2 or (len(relation) == 3 and _is_name(relation[2])))
        if not named:
            raise RowError(f'a relation must be [box, box, "name"], not {show_value(relation)}')
    return relations_field([relation[:2] for relation in value], "relations", count)


def _is_name(value: object) -> bool:
    return isinstance(value, str)
