"""Answers that a middling model might give to posts, and the report of them, for tests of what shows them."""

from collections.abc import Sequence
from dataclasses import asdict
from itertools import pairwise
from typing import Any

import numpy as np

from dgf.pipeline.features import SeenObjects
from dgf.pipeline.posts import NONE, Post
from dgf.workflows.scoring import score
from dgf.workflows.scoring.report import ShownPost

CLASSES = ("person", "jersey", "ball", "trophy", "flag", "building", "stage", "microphone")
FIGURES = ("accuracy", "precision", "recall", "f1", "macro_f1")


def answer_posts(
    posts: Sequence[Post], relations: Sequence[str], *, explain: bool, seed: int = 0
) -> list[dict[str, Any]]:
    """Objects as `predictions.jsonl` has them: most of the gold relations are found, the surer the oftener."""
    rng = np.random.default_rng(seed)
    answers = []
    for post in posts:
        sure = float(rng.uniform(0.45, 1))
        others = [name for name in relations if name != post.relation]
        wrong = [others[i] for i in rng.permutation(len(others))[:2]]
        if post.relation != NONE and rng.random() < 0.5 and NONE in others:
            wrong = [NONE, *(name for name in wrong if name != NONE)][:2]
        right = post.relation is not None and rng.random() < 0.2 + 0.75 * sure
        names = [str(post.relation), *wrong] if right else [wrong[0], post.relation or others[0], wrong[1]]
        best = dict(zip(names, (round(sure, 6), round((1 - sure) * 0.7, 6), round((1 - sure) * 0.2, 6)), strict=True))
        look = rng.dirichlet(np.full(10, 0.3), size=2).round(6).tolist()
        attributions: dict[str, Any] = {"alpha": {"head": look[0], "tail": look[1]}}
        if explain:
            effects = {"photo": rng.normal(0.3, 0.8), "objects": rng.normal(0.1, 0.4, 10).tolist(), "caption": 0.05}
            attributions["effects"] = effects
        answers.append(
            {
                "id": post.id,
                "head": post.head.text,
                "tail": post.tail.text,
                "relation": names[0],
                "probability": best[names[0]],
                "best": best,
                "types": ["per", "org"],
                **({"attributions": attributions} if post.image_ids else {}),
            }
        )
    return answers


def show(
    posts: Sequence[Post], answers: Sequence[dict[str, Any]], captions: Sequence[str] | None = None, seed: int = 0
) -> list[ShownPost]:
    """Posts with ten objects somewhere in each photo."""
    rng = np.random.default_rng(seed)
    shown = []
    for i, (post, answer) in enumerate(zip(posts, answers, strict=True)):
        corners = rng.uniform(0, 1, (10, 2, 2))
        boxes = np.concatenate([corners.min(1), corners.max(1)], axis=1).astype(np.float32) * 400
        objects = SeenObjects(boxes, tuple(rng.choice(CLASSES, 10).tolist()), (400, 400))
        photo = post.image_ids[0] if post.image_ids else None
        shown.append(ShownPost(post, answer, photo, objects if photo else None, captions[i] if captions else ""))
    return shown


def report_of(posts: Sequence[Post], answers: Sequence[dict[str, Any]], *, oracle: bool = False) -> dict[str, Any]:
    """A report of these answers, with every part that one may have; the intervals are no real ones."""
    relations = sorted({str(post.relation) for post in posts} | {answer["relation"] for answer in answers})
    ids = {name: number for number, name in enumerate(relations)}
    gold = np.array([ids[str(post.relation)] for post in posts])
    found = np.array([ids[answer["relation"]] for answer in answers])
    sure = np.array([answer["probability"] for answer in answers])
    words = np.array([len(post.tokens) for post in posts])
    none = ids.get(NONE)
    training = {name: int(7 * (gold == number).sum()) for name, number in ids.items()}

    def around(value: float, rows: int) -> list[float]:
        half = 1 / max(1, rows) ** 0.5
        return [max(0.0, value - half), min(1.0, value + half)]

    def part(by: str, value: str, inside: np.ndarray) -> dict[str, Any]:
        scores = score(gold[inside], found[inside], relations, none)
        support = int((gold[inside] != none).sum())
        figures = {"accuracy": scores.accuracy, "f1": scores.f1, "interval": around(scores.f1, support)}
        return {"by": by, "value": value, "rows": int(inside.sum()), "support": support, **figures}

    whole = score(gold, found, relations, none, training)
    counts = np.zeros((len(relations), len(relations)), int)
    np.add.at(counts, (gold, found), 1)
    slices = []
    for low, high, name in ((0, 10, "up to 10"), (10, 20, "11 to 20"), (20, 1000, "over 20")):
        inside = (words > low) & (words <= high)
        if inside.any():
            slices.append(part("words", name, inside))
    photo = np.array([bool(post.image_ids) for post in posts])
    slices += [part("photo", name, at) for name, at in (("with", photo), ("without", ~photo)) if at.any()]
    slices += [
        {"by": "training rows", "value": band.training_rows, "rows": band.support, "support": band.support}
        | {"accuracy": band.f1, "f1": band.f1, "interval": around(band.f1, band.support)}
        for band in whole.by_training_rows
    ]
    bins = []
    for low, high in pairwise(np.linspace(0, 1, 11).tolist()):
        at = (sure > low) & (sure <= high)
        mean = (float(sure[at].mean()), float((gold == found)[at].mean())) if at.any() else (0.0, 0.0)
        bins.append({"low": low, "high": high, "rows": int(at.sum()), "confidence": mean[0], "accuracy": mean[1]})
    figures = {
        "intervals": {name: around(getattr(whole, name), len(posts)) for name in FIGURES},
        "confusion": {"relations": relations, "counts": counts.tolist()},
        "calibration": {"error": 0.041, "brier": 0.213, "bins": bins},
        "slices": slices,
    }
    return {
        "run": "runs/paper",
        "data": "mnre",
        "split": "test",
        "protocol": "oracle-types (leaks the label)" if oracle else "no label reaches a prediction",
        "oracle": oracle,
        "protocols": {
            "types": "predicted by the model from the post itself",
            "photos": "every photo that a post shows, read once; missing ones are masked",
            "captions": "written by a captioner that has seen no post",
            "selection": "the epoch with the best micro F1 on the validation split",
        },
        "metric": "accuracy over all rows; micro precision, recall and F1 without None",
        "negative_label": NONE,
        "rows": len(posts),
        "rows_without_relation": 0,
        "text_only_rows": int((~photo).sum()),
        "rows_with_missing_photo": 0,
        "skipped_rows": [],
        "language_model": "gpt2",
        "training_rows": 12247,
        "seed": 1,
        "effects": {
            "photo": {"rows": len(posts), "mean": 0.31, "mean_size": 0.52, "share_for": 0.64},
            "objects": {"rows": len(posts), "mean": 0.18, "mean_size": 0.33, "share_for": 0.58},
        },
        "by_share": [
            {
                "share": share,
                "photos": int(914 * share),
                "f1": whole.f1 - 0.1 * (1 - share),
                "interval": around(whole.f1, 640),
            }
            for share in (0, 0.2, 0.6, 1)
        ],
        "scores": {**asdict(whole), **figures},
    }
