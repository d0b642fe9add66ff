"""What a signal is worth to a model: one language model trained twice, with and without it before the sentence."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dgf.pipeline.errors import UserError
from dgf.pipeline.files import read_record, write_atomic, write_json, write_record
from dgf.pipeline.posts import Dataset, Post
from dgf.workflows.audit.examine import labeled
from dgf.workflows.audit.findings import LEVELS
from dgf.workflows.audit.run import Audit
from dgf.workflows.audit.signals import Gathered, Signal
from dgf.workflows.config import resolve_config
from dgf.workflows.evaluate import EvalSettings, evaluate
from dgf.workflows.train import TrainSettings, train
from dgf.workflows.training.run_folder import RunFolder

_CHEAPER = ("optim.adversarial=0", "optim.epochs=2")
"""What differs from the preset `finetune`: the difference between the two is large, or it is none that matters."""

_RECORD = "probe.json"
"""Says of what a folder of two runs is."""


@dataclass(frozen=True, slots=True)
class ProbeSettings:
    """What to train.

    Args:
        language_model: As for `dgf train`.
        work: Folder of the posts as they are read, and of the two runs; what is finished there is kept.
        changes: `key=value` words for the configuration of both runs.
        signal: Name of the signal; None takes the largest leak.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        negative_label: The relation that means that there is none; None finds it by its name.
    """

    language_model: str
    work: Path
    changes: tuple[str, ...] = ()
    signal: str | None = None
    device: str = "auto"
    negative_label: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """Figures of one of the two runs, all of the split that was asked but `validation_f1`, which chose the epoch."""

    run: Path
    example: str
    epoch: int
    validation_f1: float
    accuracy: float
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, slots=True)
class Probe:
    """Both runs side by side."""

    signal: str
    language_model: str
    split: str
    changes: tuple[str, ...]
    without: Outcome
    told: Outcome

    def to_json(self) -> dict[str, Any]:
        """Return everything, as JSON values."""
        found = asdict(self)
        for name in ("without", "told"):
            found[name]["run"] = str(found[name]["run"])
        return found


def probe_signal(gathered: Gathered, found: Audit, settings: ProbeSettings) -> Probe:
    """Train on the sentences as they are and with the signal's value before each, alike otherwise, and score both.

    Raises:
        UserError: There is no such signal, no split to train on or to choose by, or the folder holds something else.
    """
    dataset, signal = gathered.dataset, _chosen(gathered.signals, found, settings.signal)
    if lacking := [name for name in ("train", "val") if not dataset.splits.get(name)]:
        raise UserError(
            f"{dataset.root}: no rows in a split called {lacking[0]!r}", "A model is trained on train, chosen by val."
        )
    _claim(found, signal, settings)
    without, told = (_read_with(dataset, given, found.split, settings) for given in (None, signal))
    changes = (*_CHEAPER, *settings.changes)
    return Probe(signal.name, settings.language_model, found.split, changes, without, told)


def probe_lines(probe: Probe) -> Iterator[str]:
    """Both runs in a table."""
    yield f"{probe.language_model}, trained with and without {probe.signal!r} before the sentence, alike otherwise"
    yield f"(preset finetune, {' '.join(probe.changes)}; the epoch is chosen on val; figures of {probe.split})"
    yield f"{'':<10}{'F1':>6}{'P':>7}{'R':>7}{'acc':>7}{'val F1':>8}{'epoch':>7}  reads"
    for name, run in (("without", probe.without), ("with", probe.told)):
        shares = (run.f1, run.precision, run.recall, run.accuracy, run.validation_f1)
        cells = "".join(f"{100 * share:>{size}.1f}" for share, size in zip(shares, (6, 7, 7, 7, 8), strict=True))
        yield f"{name:<10}{cells}{run.epoch:>7}  {run.example}"
    yield f"difference in F1: {100 * (probe.told.f1 - probe.without.f1):+.1f} points (one seed of each)"


def _chosen(signals: Sequence[Signal], found: Audit, name: str | None) -> Signal:
    """The signal of that name; without one, the first of the worst findings, which come in order of their effects."""
    known = {signal.name: signal for signal in signals}
    if name is None:
        worst = max(found.findings, key=lambda finding: LEVELS.index(finding.level))
        if worst.level == "no leak":
            raise UserError("no signal is called a leak or suspicious", "Name one with --signal.")
        return known[worst.signal]
    if name not in known:
        raise UserError(f"no signal is called {name!r}", f"Signals here: {'; '.join(known)}.")
    return known[name]


def _claim(found: Audit, signal: Signal, settings: ProbeSettings) -> None:
    """Begin the folder of the runs, or see that it is of the same probe.

    Raises:
        UserError: It holds something else.
    """
    asked = {
        "data": str(found.data.absolute()),
        "split": found.split,
        "signal": signal.name,
        "language_model": settings.language_model,
        "changes": list(settings.changes),
    }
    record, folder = settings.work / _RECORD, settings.work
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder}: is a file", "Name a folder as --work.")
    if record.exists():
        try:
            begun = read_record(record)
        except (OSError, ValueError) as error:
            raise UserError(f"{record}: cannot be read: {error}", "Name another --work.") from None
        if changed := [name for name, value in asked.items() if begun.get(name) != value]:
            raise UserError(f"{folder}: was begun with another {', '.join(changed)}", "Name another --work.")
    elif folder.is_dir() and (foreign := sorted(path.name for path in folder.iterdir())):
        raise UserError(f"{folder}: holds {foreign[0]} and nothing of an audit", "Name another --work.")
    folder.mkdir(parents=True, exist_ok=True)
    write_record(record, asked)


def _read_with(dataset: Dataset, signal: Signal | None, split: str, settings: ProbeSettings) -> Outcome:
    """Train on one reading of the sentences, or go on with what is there, and score it."""
    name = "without" if signal is None else "with"
    folder, run = settings.work / name, settings.work / f"run-{name}"
    posts = {of: labeled(dataset.splits[of]) for of in ("train", "val", split)}
    file_of = {of: of if of in ("train", "val") else "test" for of in posts}
    _write_posts(dataset.relations, {file_of[of]: rows for of, rows in posts.items()}, signal, folder)
    words = (f"language_model={settings.language_model}", *_CHEAPER, *settings.changes)
    data = {"path": str(folder.absolute()), "missing_images": "text-only", "negative_label": settings.negative_label}
    config = resolve_config("finetune", None, words, data)
    trained = train(TrainSettings(config, run, settings.device, resume=RunFolder(run).begun))
    scores = evaluate(EvalSettings(run, split=file_of[split], device=settings.device)).scores
    if scores is None:  # an audit has scored these rows
        raise RuntimeError(f"{folder}: no row of {split} has a relation")
    example = " ".join(_tokens(posts[split][0], signal))
    figures = (scores.accuracy, scores.precision, scores.recall, scores.f1)
    return Outcome(run, f"{example[:40]} ...", trained.best_epoch, trained.best_f1, *figures)


def _write_posts(
    relations: Sequence[str], splits: Mapping[str, Sequence[Post]], signal: Signal | None, folder: Path
) -> None:
    """Write the posts without their photos, each sentence behind the value of the signal."""
    folder.mkdir(exist_ok=True)
    write_json(folder / "relations.json", {name: number for number, name in enumerate(relations)})
    for split, posts in splits.items():
        rows = "".join(json.dumps(_row(post, signal), ensure_ascii=False) + "\n" for post in posts)
        write_atomic(folder / f"{split}.jsonl", rows.encode())


def _row(post: Post, signal: Signal | None) -> dict[str, Any]:
    tokens = _tokens(post, signal)
    before = len(tokens) - len(post.tokens)
    head, tail = ({"span": [of.start + before, of.end + before]} for of in (post.head, post.tail))
    return {"id": post.id, "tokens": tokens, "head": head, "tail": tail, "relation": post.relation}


def _tokens(post: Post, signal: Signal | None) -> list[str]:
    return [*(signal.spoken(post) if signal is not None else ()), *post.tokens]
