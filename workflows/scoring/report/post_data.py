"""Posts as the page's script reads them: plain values, as short as they can be."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dgf.pipeline.features import SeenObjects
from dgf.workflows.scoring.report.pictures import Pictures
from dgf.workflows.scoring.report.shown import ShownPost

_SIDE = 1000
"""Boxes are in thousandths of the photo's width and height."""
_LEAST_EFFECT = 0.05
"""Of the strongest object, as a difference of log-probabilities: below it none is drawn as one that counted."""


def post_data(shown: Sequence[ShownPost], pictures: Pictures) -> dict[str, Any]:
    """Collect what `page.js` draws: the names that posts use, and each post with the numbers of its own."""
    relations = sorted(
        {name for row in shown for name in (row.post.relation, row.answer["relation"], *row.answer["best"]) if name}
    )
    classes = sorted({name for row in shown if row.objects is not None for name in row.objects.names})
    names = {name: number for number, name in enumerate(relations)}
    kinds = {name: number for number, name in enumerate(classes)}
    return {
        "relations": relations,
        "classes": classes,
        "posts": [_post(row, names, kinds, pictures) for row in shown],
    }


def _post(row: ShownPost, names: Mapping[str, int], kinds: Mapping[str, int], pictures: Pictures) -> dict[str, Any]:
    post, answer = row.post, row.answer
    attributions = answer.get("attributions", {})
    effects = attributions.get("effects", {})
    picture = None if row.image_id is None else pictures.places.get(row.image_id)
    found = {
        "id": post.id,
        "words": post.tokens,
        "head": [post.head.start, post.head.end],
        "tail": [post.tail.start, post.tail.end],
        "gold": None if post.relation is None else names[post.relation],
        "best": [[names[name], _short(probability)] for name, probability in answer["best"].items()],
        "predicted": names[answer["relation"]],
        "types": answer.get("types"),
        "picture": picture,
        "unread": True if picture is not None and row.objects is None else None,
        "boxes": _boxes(row, kinds, attributions),
        "measured": True if "objects" in effects else None,
        "effects": {name: told for name in ("photo", "caption") if (told := _short(effects.get(name), 2)) is not None}
        or None,
        "caption": row.caption or None,
        "protocol": answer.get("protocol"),
        "group": row.group or None,
        "note": row.note or None,
    }
    return {name: value for name, value in found.items() if value is not None}


def _boxes(row: ShownPost, kinds: Mapping[str, int], attributions: Mapping[str, Any]) -> list[list[Any]] | None:
    """Left, top, width, height, class, strength in percent of the strongest, and what it is the strength of.

    That is the measured effect where there is one, else where the mentions looked (alpha); None where neither is known.
    """
    if row.objects is None:
        return None
    count = len(row.objects.names)
    values: list[float | None] = [None] * count
    least = 0.0
    if "objects" in (effects := attributions.get("effects", {})):
        values, least = list(effects["objects"][:count]), _LEAST_EFFECT
    elif looked := attributions.get("alpha", attributions.get("relevance")):
        values = [(head + tail) / 2 for head, tail in zip(looked["head"], looked["tail"], strict=True)][:count]
    values = [value if value is not None and math.isfinite(value) else None for value in values]
    most = max((value for value in values if value is not None), default=0.0)
    return [
        [*place, kinds[name], 0 if value is None or most <= least else max(0, round(100 * value / most)), _short(value)]
        for place, name, value in zip(_places(row.objects), row.objects.names, values, strict=True)
    ]


def _places(objects: SeenObjects) -> list[list[int]]:
    """Left, top, width and height of each box, inside the photo whatever the detector said."""
    height, width = objects.size
    edges = _SIDE * objects.boxes / np.maximum([width, height, width, height], 1)  # (n, 4)
    edges = np.clip(np.nan_to_num(edges), 0, _SIDE)
    start, end = edges[:, :2], edges[:, 2:]
    return [[*map(round, box)] for box in np.hstack([start, np.maximum(end - start, 0)]).tolist()]


def _short(value: float | None, digits: int = 3) -> float | None:
    """Round; what is no number is none, since JSON has no word for it."""
    return None if value is None or not math.isfinite(value) else round(value, digits)
