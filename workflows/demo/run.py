"""`dgf demo`: the whole job on the drawn world, with networks whose weights are random."""

import importlib.util
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dgf.pipeline.errors import UserError
from dgf.pipeline.photos import decode, read_bytes
from dgf.pipeline.photos.contact_sheet import Tile, write_sheet
from dgf.pipeline.posts import Post, read_dataset
from dgf.workflows.caption import caption_photos
from dgf.workflows.config import resolve_config
from dgf.workflows.demo.world import write_world
from dgf.workflows.evaluate import EvalSettings, evaluate
from dgf.workflows.extract import extract_photos
from dgf.workflows.scoring import table
from dgf.workflows.settings import DEFAULT_DETECTOR, CaptionSettings, DemoSettings, ExtractSettings
from dgf.workflows.train import TrainSettings, train

DEMO_ROWS = {"train": 36, "val": 12, "test": 12}
RANDOM = "random:0"
TORCHVISION = "torchvision:fasterrcnn_resnet50_fpn"
MIN_SIZE = 160  # of the photos' 360: the features mean nothing either way
REGIONS = 20
WARNING = """\
NOTE: every weight of the detector, VGG16, Oscar and the language model is RANDOM (seeded): no published weights are
fetched. This shows that the parts work together; its figures say nothing about the method."""


@dataclass(frozen=True, slots=True)
class DemoSummary:
    """Where to look."""

    posts: Path
    run: Path
    report: Path
    picture: Path
    seconds: float


def demo(settings: DemoSettings, say: Callable[[str], None], rows: dict[str, int] = DEMO_ROWS) -> DemoSummary:
    """Draw posts, then extract, caption, train and evaluate; tell each step as the command that does the same.

    Args:
        settings: What was asked.
        say: Takes lines for the user.
        rows: Posts of each split.

    Raises:
        UserError: If `out` holds something else.
    """
    started = time.perf_counter()
    out = settings.out
    posts, features, captions, run = (out / name for name in ("posts", "features", "captions", "run"))
    if out.exists() and not (out.is_dir() and (posts.is_dir() or not any(out.iterdir()))):
        raise UserError(f"{out}: holds something that is not a demo", "Name another --out.")
    say(WARNING)

    say(f"\n[1/5] {sum(rows.values())} posts about a small drawn world: {posts}")
    best = write_world(posts, rows).population
    say("      the best F1 there is: " + ", ".join(f"{view} {best[view].f1:.1f}" for view in best))

    detector = DEFAULT_DETECTOR if importlib.util.find_spec("detectron2") else TORCHVISION
    say(
        f"\n[2/5] dgf extract-features {posts} --out {features} --detector {detector} --weights {RANDOM} "
        f"--vgg-weights {RANDOM} --min-size {MIN_SIZE} --regions {REGIONS}"
    )
    extracted = extract_photos(
        ExtractSettings(
            posts,
            features,
            detector=detector,
            weights=RANDOM,
            vgg_weights=RANDOM,
            min_size=MIN_SIZE,
            regions=REGIONS,
        )
    )
    say(f"      {extracted.rows} photos")

    say(f"\n[3/5] dgf caption {posts} --features {features} --out {captions} --oscar {RANDOM} --beams 1")
    caption_photos(CaptionSettings(posts, features, captions, oscar=RANDOM, beams=1))

    words = " ".join(("--preset demo", *settings.overrides))
    say(f"\n[4/5] dgf train {posts} --features {features} --captions {captions} --out {run} {words}")
    data = {"path": str(posts), "features": str(features), "captions": str(captions)}
    config = resolve_config("demo", overrides=settings.overrides, data=data)
    trained = train(TrainSettings(config, run, resume=True))
    say(f"      {trained.epochs} epochs, the best was {trained.best_epoch}")

    say(f"\n[5/5] dgf eval {run}\n")
    evaluation = evaluate(EvalSettings(run))
    say(table(evaluation.report, evaluation.scores))

    picture = out / "predictions.png"
    draw_predictions(posts, evaluation.out / "predictions.jsonl", picture)
    return DemoSummary(posts, run, evaluation.out, picture, time.perf_counter() - started)


def draw_predictions(posts: Path, predictions: Path, picture: Path) -> None:
    """Draw every test photo with its post above and the predicted relation below it."""
    dataset = read_dataset(posts)
    by_id = {post.id: post for post in dataset.splits["test"]}
    tiles = []
    for line in predictions.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        post = by_id[row["id"]]
        photo = decode(read_bytes(dataset.image_root, post.image_ids[0]))
        tiles.append(Tile(" ".join(post.tokens), photo, text=_verdict(post, row["relation"], row["probability"])))
    write_sheet(tiles, picture, columns=3)


def _verdict(post: Post, predicted: str, probability: float) -> str:
    shown = f"{post.head.text} | {post.tail.text}: {predicted} ({probability:.0%})"
    return shown if predicted == post.relation else f"{shown}, labeled {post.relation}"
