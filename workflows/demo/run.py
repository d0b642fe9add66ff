"""`dgf demo`: the whole job on the drawn world with the parts trained for it, beside the best F1 that there is."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from dgf.pipeline.errors import UserError
from dgf.pipeline.features import FeatureStore, read_seen
from dgf.pipeline.files import write_json
from dgf.pipeline.jobs.base import WorkerPool
from dgf.workflows.caption import caption_photos
from dgf.workflows.config import resolve_config
from dgf.workflows.demo.attributed import Attributed, judge_attributions, read_lines
from dgf.workflows.demo.kept import keep_run
from dgf.workflows.demo.page import DemoFindings, Reading, write_demo_page
from dgf.workflows.demo.parts.places import Parts, find_parts
from dgf.workflows.demo.world import MORE_POSTS, SIDE_FILE, WORLD_ROWS, write_with_irrelevant_photos, write_world
from dgf.workflows.devices import choose_device
from dgf.workflows.evaluate import EvalSettings, evaluate
from dgf.workflows.extract import extract_photos
from dgf.workflows.settings import CaptionSettings, DemoSettings, ExtractSettings
from dgf.workflows.sweep import PlannedRun, finish_runs

TEXT_ALONE, EVERYTHING, NO_GATES, OTHERS = "text alone", "everything", "without gates", "with photos that mean nothing"

RUNS: Mapping[str, tuple[str, ...]] = {
    EVERYTHING: (),
    NO_GATES: ("model.fusion=false",),
    TEXT_ALONE: (),
}
"""What is trained, and how it differs from the preset."""


_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Made:
    """Where the demo's own data set, features and captions lie."""

    posts: Path
    features: Path
    captions: Path


@dataclass(frozen=True, slots=True)
class DemoSummary:
    """What came out, and where to look.

    Args:
        posts: The drawn data set.
        run: The run that reads everything, and `kept` the copy of it that `dgf predict demo` takes; None of a demo
            that was told to train otherwise.
        page: The report.
        readings: F1 of each run beside the best that there is.
        attributed: What the attributions of `run` are worth.
        seconds: How long it took.
    """

    posts: Path
    run: Path
    kept: Path | None
    page: Path
    readings: Sequence[Reading]
    attributed: Attributed
    seconds: float


def demo(
    settings: DemoSettings,
    say: Callable[[str], None],
    rows: Mapping[str, int] = WORLD_ROWS,
    more: int = MORE_POSTS,
) -> DemoSummary:
    """Draw posts, then extract, caption, train and evaluate; tell each step as the command that does the same.

    Args:
        settings: What was asked.
        say: Takes lines for the user.
        rows: Posts of each split.
        more: Further test posts for the two readings that no photo helps.

    Raises:
        UserError: If `out` holds something else, or detectron2 is not installed.
    """
    started = time.perf_counter()
    out, parts = settings.out, find_parts()
    made = Made(out / "posts", out / "features", out / "captions")
    if out.exists() and not (out.is_dir() and (made.posts.is_dir() or not any(out.iterdir()))):
        raise UserError(f"{out}: holds something that is not a demo", "Name another --out.")

    # the world, and what is in its photos
    say(f"[1/6] {sum(rows.values())} posts about a drawn world: {made.posts}")
    ceilings = write_world(made.posts, rows, settings.seed)
    best = ceilings.population
    say("      the best F1 there is: " + ", ".join(f"{view} {best[view].f1:.1f}" for view in best))
    _read_photos(made, parts, say)

    # a run for each way of reading; where photos tell nothing, more posts are read, so that luck counts less
    runs = {name: _plan_run(name, made, parts, settings, say) for name in RUNS}
    _finish(runs)
    whole = evaluate(EvalSettings(runs[EVERYTHING].out, explain=True))
    evaluations = {EVERYTHING: whole, NO_GATES: evaluate(EvalSettings(runs[NO_GATES].out))}
    run, elsewhere = Path(whole.report["run"]), out / "posts-with-other-photos"
    of_text = write_with_irrelevant_photos(elsewhere, rows, settings.seed, more).splits["test"]["text"]
    for name, read in ((TEXT_ALONE, runs[TEXT_ALONE].out), (OTHERS, run)):
        folder = out / f"eval-{name.replace(' ', '-')}"
        evaluations[name] = evaluate(EvalSettings(read, out=folder, data={"path": str(elsewhere)}, page=False))

    # what came out, beside what is known
    test = ceilings.splits["test"]
    readings = [
        Reading(name, 100 * scores.f1, (of_text if name in (TEXT_ALONE, OTHERS) else test["both"]).f1)
        for name in (TEXT_ALONE, EVERYTHING, NO_GATES, OTHERS)
        if (scores := evaluations[name].scores)
    ]
    known = read_lines(made.posts / SIDE_FILE)
    answers = {line["id"]: line for line in read_lines(whole.out / "predictions.jsonl")}
    objects = read_seen(made.features)
    attributed = judge_attributions(known, answers, objects)
    store = FeatureStore.open(made.features, captions=made.captions)
    told = {image_id: store.captions([store.row([image_id])])[0] for image_id in objects}
    page = out / "report.html"
    findings = DemoFindings(made.posts, readings, attributed, known, answers, objects, told)
    write_demo_page(page, findings)
    write_json(out / "figures.json", {"runs": list(map(asdict, readings)), "attributions": asdict(attributed)})
    kept = None if settings.overrides else _keep(run)
    return DemoSummary(made.posts, run, kept, page, readings, attributed, time.perf_counter() - started)


def _keep(run: Path) -> Path | None:
    """Keep the run for `dgf predict demo`; what was made is no worse where that cannot be."""
    try:
        return keep_run(run)
    except (OSError, RuntimeError) as error:  # RuntimeError: nobody's home is known
        _log.warning("warning: the model is not kept for `dgf predict demo`: %s", error)
        return None


def _read_photos(made: Made, parts: Parts, say: Callable[[str], None]) -> None:
    """Extract features of all photos, and caption them."""
    say(
        f"\n[2/6] dgf extract-features {made.posts} --out {made.features} --detector {parts.detector} --weights "
        f"{parts.detector_weights} --vgg-weights {parts.vgg} --regions {parts.regions} --threads 1 --workers 2"
    )
    extracted = extract_photos(
        ExtractSettings(
            made.posts,
            made.features,
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
        f"\n[3/6] dgf caption {made.posts} --features {made.features} --out {made.captions} --oscar {parts.captioner} "
        f"--beams 1 --length {parts.length} --threads 1 --workers 2"
    )
    caption_photos(
        CaptionSettings(
            made.posts,
            made.features,
            made.captions,
            oscar=parts.captioner,
            beams=1,
            length=parts.length,
            threads=1,
            workers=2,
        )
    )


def _plan_run(name: str, made: Made, parts: Parts, settings: DemoSettings, say: Callable[[str], None]) -> PlannedRun:
    """Say how one of `RUNS` is trained, and tell the command that does the same."""
    out = settings.out / "runs" / name.replace(" ", "-")
    words = [f"language_model={parts.language_model}", f"seed={settings.seed}", *RUNS[name], *settings.overrides]
    data, reads = {"path": str(made.posts), "missing_images": "text-only"}, "--missing-images text-only"
    if name != TEXT_ALONE:
        data = {"path": str(made.posts), "features": str(made.features), "captions": str(made.captions)}
        reads = f"--features {made.features} --captions {made.captions}"
    step = 4 + list(RUNS).index(name)
    say(f"\n[{step}/6] {name}: dgf train {made.posts} {reads} --out {out} --preset demo {' '.join(words)}")
    return PlannedRun(resolve_config("demo", overrides=words, data=data), out, fetch=False)


def _finish(runs: Mapping[str, PlannedRun]) -> None:
    """Train what is not trained yet: on a CPU two at once, a thread each, which networks this small gain most from.

    Raises:
        UserError: One of them failed; what the others did is kept.
    """
    device = choose_device("auto").type
    done = finish_runs(runs, WorkerPool(device, count=2, threads=1) if device == "cpu" else WorkerPool(device))
    if done.failed:
        name, reason = next(iter(done.failed.items()))
        raise UserError(f"the run {name} failed: {reason}", "The same command goes on from what is there.")
