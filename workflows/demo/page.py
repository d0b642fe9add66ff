"""The demo's report: one file with its figures and a few posts, each with what the photo did for the prediction."""

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader

from dgf.pipeline.files import write_atomic
from dgf.pipeline.posts import Post, read_dataset
from dgf.workflows.demo.attributed import Attributed, SeenObjects, image_id_of

POSTS_SHOWN = {"helpful": 8, "irrelevant": 4, "misleading": 4}
"""Posts of each role of the photo that the page shows."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One way of reading the test posts: its F1 and the best there is for it on these posts, in percent."""

    name: str
    f1: float
    best: float


@dataclass(frozen=True, slots=True)
class Card:
    """One post as the page shows it.

    Args:
        pieces: Each word of the sentence, and `head`, `tail` or nothing for the mention it is in.
        role: Of the photo: helpful, irrelevant or misleading.
        right: Whether the prediction is the post's relation.
        effect: What the photo did for the prediction, as a difference of log-probabilities.
        photo: The JPEG in base64, `size` its width and height.
        boxes: Left, top, width, height, class, and how much the object did, 0 to 1.
    """

    pieces: tuple[tuple[str, str], ...]
    role: str
    decided_by: str
    relation: str
    predicted: str
    probability: float
    right: bool
    effect: float
    caption: str
    photo: str
    size: tuple[int, int]
    boxes: tuple[tuple[float, float, float, float, str, float], ...]


def write_page(
    path: Path,
    posts: Path,
    readings: Sequence[Reading],
    attributed: Attributed,
    known: Sequence[Mapping[str, Any]],
    answers: Mapping[str, Mapping[str, Any]],
    objects: Mapping[str, SeenObjects],
    captions: Mapping[str, str],
) -> None:
    """Write the report as one HTML file that needs no other.

    Args:
        path: Where to.
        posts: The data set.
        readings: What was trained.
        attributed: What the attributions are worth.
        known: Lines of the world's side file.
        answers: Lines of `predictions.jsonl` with effects, by post.
        objects: By image id.
        captions: By image id.
    """
    dataset = read_dataset(posts)
    by_id = {post.id: post for post in dataset.splits["test"]}
    environment = Environment(loader=PackageLoader("dgf.workflows.demo", "templates"), autoescape=True)
    cards = [
        _card(by_id[line["id"]], line, answers[line["id"]], objects[image_id_of(line)], captions, dataset.image_root)
        for line in _chosen(known, answers)
    ]
    page = environment.get_template("report.html").render(readings=readings, attributed=attributed, cards=cards)
    write_atomic(path, page.encode())


def _chosen(known: Sequence[Mapping[str, Any]], answers: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Take the first test posts of each role that have an answer."""
    for role, count in POSTS_SHOWN.items():
        of_role = [line for line in known if line["id"] in answers and line["photo_role"] == role]
        yield from of_role[:count]


def _card(
    post: Post,
    known: Mapping[str, Any],
    answer: Mapping[str, Any],
    seen: SeenObjects,
    captions: Mapping[str, str],
    image_root: Path,
) -> Card:
    effects = answer.get("attributions", {}).get("effects", {})
    did = [max(0.0, value) for value in effects.get("objects", [])[: len(seen.boxes)]]
    most = max(did, default=0.0) or 1.0
    boxes = tuple(
        (float(x0), float(y0), float(x1 - x0), float(y1 - y0), name, value / most)
        for (x0, y0, x1, y1), name, value in zip(seen.boxes, seen.names, did, strict=True)
    )
    photo = (image_root / post.image_ids[0]).read_bytes()
    return Card(
        pieces=tuple(_pieces(post)),
        role=known["photo_role"],
        decided_by=known["decided_by"],
        relation=known["relation"],
        predicted=answer["relation"],
        probability=answer["probability"],
        right=answer["relation"] == known["relation"],
        effect=effects.get("photo", 0.0),
        caption=captions.get(image_id_of(known), ""),
        photo=base64.b64encode(photo).decode(),
        size=tuple(known["size"]),
        boxes=boxes,
    )


def _pieces(post: Post) -> Iterator[tuple[str, str]]:
    """Cut the sentence into words outside mentions (""), in the head and in the tail."""
    for index, word in enumerate(post.tokens):
        inside = [
            name for name, mention in (("head", post.head), ("tail", post.tail)) if mention.start <= index < mention.end
        ]
        yield word, inside[0] if inside else ""
