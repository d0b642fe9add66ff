"""`dgf demo`: the whole job on the drawn world with the parts trained for it, beside the best F1 that there is."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from dgf.pipeline.errors import UserError
from dgf.pipeline.features import FeatureStore
from dgf.pipeline.files import write_json
from dgf.workflows.caption import caption_photos
from dgf.workflows.config import resolve_config
from dgf.workflows.demo.attributed import Attributed, judge_attributions, read_lines, read_seen
from dgf.workflows.demo.page import Reading, write_page
from dgf.workflows.demo.parts.places import find_parts
from dgf.workflows.demo.world import SIDE_FILE, WORLD_ROWS, write_with_irrelevant_photos, write_world
from dgf.workflows.evaluate import EvalSettings, Evaluation, evaluate
from dgf.workflows.extract import extract_photos
from dgf.workflows.settings import CaptionSettings, DemoSettings, ExtractSettings
from dgf.workflows.train import TrainSettings, train

TEXT_ALONE, EVERYTHING, NO_GATES, OTHERS = "text alone", "everything", "without gates", "with photos that mean nothing"

RUNS: Mapping[str, tuple[str, ...]] = {
    EVERYTHING: (),
    NO_GATES: ("model.fusion=false",),
    TEXT_ALONE: (),
}
"""What is trained, and how it differs from the preset."""


@dataclass(frozen=True, slots=True)
class DemoSummary:
    """What came out, and where to look.

    Args:
        posts: The drawn data set.
        run: The run that reads everything.
        page: The report.
        sides: F1 of each run beside the best that there is.
        attributed: What the attributions of `run` are worth.
        seconds: How long it took.
    """

    posts: Path
    run: Path
    page: Path
    sides: Sequence[Reading]
    attributed: Attributed
    seconds: float


def demo(settings: DemoSettings, say: Callable[[str], None], rows: Mapping[str, int] = WORLD_ROWS) -> DemoSummary:
    """Draw posts, then extract, caption, train and evaluate; tell each step as the command that does the same.

    Args:
        settings: What was asked.
        say: Takes lines for the user.
        rows: Posts of each split.

    Raises:
        UserError: If `out` holds something else, or detectron2 is not installed.
    """
    started = time.perf_counter()
    out, seed = settings.out, settings.seed
    posts, features, captions = (out / name for name in ("posts", "features", "captions"))
    if out.exists() and not (out.is_dir() and (posts.is_dir() or not any(out.iterdir()))):
        raise UserError(f"{out}: holds something that is not a demo", "Name another --out.")
    parts = find_parts()

    say(f"[1/6] {sum(rows.values())} posts about a drawn world: {posts}")
    ceilings = write_world(posts, rows, seed)
    best = ceilings.population
    say("      the best F1 there is: " + ", ".join(f"{view} {best[view].f1:.1f}" for view in best))

    say(
        f"\n[2/6] dgf extract-features {posts} --out {features} --detector {parts.detector} --weights "
        f"{parts.detector_weights} --vgg-weights {parts.vgg} --regions {parts.regions} --threads 1 --workers 2"
    )
    extracted = extract_photos(
        ExtractSettings(
            posts,
            features,
            detector=parts.detector,
            weights=parts.detector_weights,
            vgg_weights=parts.vgg,
            regions=parts.regions,
            threads=1,
            workers=2,
        )
    )
    say(f"      {extracted.rows} photos")

    say(
        f"\n[3/6] dgf caption {posts} --features {features} --out {captions} --oscar {parts.captioner} --beams 1 "
        f"--length {parts.length} --threads 1 --workers 2"
    )
    caption_photos(
        CaptionSettings(
            posts, features, captions, oscar=parts.captioner, beams=1, length=parts.length, threads=1, workers=2
        )
    )

    evaluations: dict[str, Evaluation] = {}
    shown = ("--features", str(features), "--captions", str(captions))
    for number, (name, changes) in enumerate(RUNS.items(), start=4):
        run = out / "runs" / name.replace(" ", "-")
        words = [f"language_model={parts.language_model}", f"seed={seed}", *changes, *settings.overrides]
        reads = ("--missing-images", "text-only") if name == TEXT_ALONE else shown
        say(f"\n[{number}/6] {name}: dgf train {posts} {' '.join(reads)} --out {run} --preset demo {' '.join(words)}")
        data = {"path": str(posts), "missing_images": "text-only"}
        if name != TEXT_ALONE:
            data |= {"features": str(features), "captions": str(captions), "missing_images": "error"}
        config = resolve_config("demo", overrides=words, data=data)
        trained = train(TrainSettings(config, run, resume=True, fetch=False))
        explain = name == EVERYTHING
        say(f"      {trained.epochs} epochs, the best was {trained.best_epoch}; dgf eval {run}{' --explain' * explain}")
        evaluations[name] = evaluate(EvalSettings(run, explain=explain))

    # the same run on posts whose photos mean nothing
    whole = evaluations[EVERYTHING]
    elsewhere = out / "posts-with-other-photos"
    write_with_irrelevant_photos(elsewhere, rows, seed)
    run = Path(whole.report["run"])
    evaluations[OTHERS] = evaluate(EvalSettings(run, out=out / "eval-other-photos", data={"path": str(elsewhere)}))

    test = ceilings.splits["test"]
    sides = [
        Reading(name, 100 * scores.f1, test["text" if name in (TEXT_ALONE, OTHERS) else "both"].f1)
        for name in (TEXT_ALONE, EVERYTHING, NO_GATES, OTHERS)
        if (scores := evaluations[name].scores)
    ]
    known = read_lines(posts / SIDE_FILE)
    answers = {line["id"]: line for line in read_lines(whole.out / "predictions.jsonl")}
    objects = read_seen(features)
    attributed = judge_attributions(known, answers, objects)
    store = FeatureStore.open(features, captions=captions)
    told = {image_id: store.captions([store.row([image_id])])[0] for image_id in objects}
    page = out / "report.html"
    write_page(page, posts, sides, attributed, known, answers, objects, told)
    write_json(out / "figures.json", {"runs": [asdict(side) for side in sides], "attributions": asdict(attributed)})
    return DemoSummary(posts, run, page, sides, attributed, time.perf_counter() - started)
