"""What a run's attributions say of the world, where it is known what decides each post."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torchvision.ops import box_iou

from dgf.pipeline.features import SeenObjects

SAME_THING = 0.3
"""Overlap (intersection over union) from which on a detected box shows a drawn thing."""


@dataclass(frozen=True, slots=True)
class Attributed:
    """How well attributions find what matters; None where no post could tell.

    Args:
        told_apart: How often the photo of a post that it helps has a larger effect than one that means nothing (AUC).
        found: Share of the posts that the photo decides whose object with the largest effect is one that matters.
    """

    told_apart: float | None
    found: float | None


def judge_attributions(
    known: Iterable[Mapping[str, Any]], answers: Mapping[str, Mapping[str, Any]], objects: Mapping[str, SeenObjects]
) -> Attributed:
    """Hold measured effects against what decides each post.

    Args:
        known: Lines of the world's side file.
        answers: Lines of `predictions.jsonl` with effects (`dgf eval --explain`), by the id of their post.
        objects: By image id, `SPLIT/NAME`.
    """
    helpful: list[float] = []
    irrelevant: list[float] = []
    found: list[bool] = []
    for post in known:
        effects = answers[post["id"]].get("attributions", {}).get("effects", {}) if post["id"] in answers else {}
        if "photo" not in effects:
            continue
        if post["photo_role"] != "misleading":
            (helpful if post["photo_role"] == "helpful" else irrelevant).append(effects["photo"])
        if post["decided_by"] == "photo" and not post["exception"]:
            seen = objects[image_id_of(post)]
            most = int(np.argmax(effects["objects"][: len(seen.boxes)])) if len(seen.boxes) else None
            found.append(most is not None and shows_what_matters(seen.boxes[most], post["things"]))
    return Attributed(
        area_under_curve(helpful, irrelevant) if helpful and irrelevant else None,
        float(np.mean(found)) if found else None,
    )


def image_id_of(post: Mapping[str, Any]) -> str:
    """Return the id under which shards know a drawn post's photo."""
    return f"{post['id'].split(':')[0]}/{post['photo']}"


def shows_what_matters(box: Sequence[float], things: Sequence[Mapping[str, Any]]) -> bool:
    """Say whether the drawn thing that a detected box (left, top, right, bottom) shows best is one that matters."""
    if not things:
        return False
    overlaps = box_iou(torch.tensor([[*box]]), torch.tensor([thing["box"] for thing in things]))[0]  # (n,)
    best = int(overlaps.argmax())
    return bool(things[best]["matters"]) and float(overlaps[best]) >= SAME_THING


def area_under_curve(larger: Sequence[float], smaller: Sequence[float]) -> float:
    """Count how often a number of the one sort is above one of the other, equal ones half."""
    one, other = np.asarray(larger)[:, None], np.asarray(smaller)
    return float((one > other).mean() + (one == other).mean() / 2)


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Read JSON Lines that this project wrote."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
