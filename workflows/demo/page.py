"""The demo's report: one file with its figures and a few posts, each with what the photo did for the prediction."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dgf.pipeline.features import SeenObjects
from dgf.pipeline.files import write_atomic
from dgf.pipeline.posts import read_dataset
from dgf.workflows.demo.attributed import Attributed, image_id_of
from dgf.workflows.scoring.report import PostSection, ShownPost, render_page

POSTS_SHOWN = {
    "helpful": ("Photos that help", 8),
    "irrelevant": ("Photos that mean nothing", 4),
    "misleading": ("Photos that mislead", 4),
}
"""Of each role of the photo: its heading, and how many posts the page shows."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One way of reading the test posts: its F1 and the best there is for it on these posts, in percent."""

    name: str
    f1: float
    best: float


@dataclass(frozen=True, slots=True)
class DemoFindings:
    """What the page tells.

    Args:
        posts: The data set.
        readings: What was trained.
        attributed: What the attributions are worth.
        known: Lines of the world's side file.
        answers: Lines of `predictions.jsonl` with effects, by post.
        objects: By image id.
        captions: By image id.
    """

    posts: Path
    readings: Sequence[Reading]
    attributed: Attributed
    known: Sequence[Mapping[str, Any]]
    answers: Mapping[str, Mapping[str, Any]]
    objects: Mapping[str, SeenObjects]
    captions: Mapping[str, str]


def write_demo_page(path: Path, findings: DemoFindings) -> None:
    """Write the report as one HTML file that needs no other."""
    dataset = read_dataset(findings.posts)
    by_id = {post.id: post for post in dataset.splits["test"]}
    shown = [
        ShownPost(
            post=by_id[line["id"]],
            answer=findings.answers[line["id"]],
            image_id=by_id[line["id"]].image_ids[0],
            objects=findings.objects[image_id_of(line)],
            caption=findings.captions.get(image_id_of(line), ""),
            group=heading,
            note=f"decided by {line['decided_by']}",
        )
        for heading, line in _chosen(findings.known, findings.answers)
    ]
    section = PostSection.of(shown, dataset.image_root)
    values = {"readings": findings.readings, "attributed": findings.attributed, "section": section}
    write_atomic(path, render_page("demo.html", "dgf.workflows.demo", **values))


def _chosen(known: Sequence[Mapping[str, Any]], answers: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Take the first test posts of each role that have an answer, under its heading."""
    for role, (heading, count) in POSTS_SHOWN.items():
        of_role = [line for line in known if line["id"] in answers and line["photo_role"] == role]
        yield from ((heading, line) for line in of_role[:count])
