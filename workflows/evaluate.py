"""`dgf eval`: a trained run over a split, to a report, predictions and a table."""

from collections import Counter
from collections.abc import Container, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dgf.model.labels import LabelSpace
from dgf.pipeline.errors import UserError
from dgf.pipeline.posts import Dataset, Post, split_name
from dgf.workflows.config import TrainConfig, change_data
from dgf.workflows.data import Corpus, open_corpus, read_configured
from dgf.workflows.devices import choose_device
from dgf.workflows.scoring import (
    Answers,
    Comparison,
    Scores,
    answer,
    check_report_place,
    compare,
    score,
    summarize_effects,
    write_predictions,
    write_report,
)
from dgf.workflows.training.run_folder import RunFolder

HONEST = "no label reaches a prediction"


@dataclass(frozen=True, slots=True)
class EvalSettings:
    """What `dgf eval` was asked; None takes what the run was trained on.

    Args:
        run: The run folder.
        split: Which rows.
        out: Where the report goes; None puts it into the run folder.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        batch_size: Rows at once.
        explain: Whether to measure what photo, objects and caption did for each prediction.
        data: Changes to the run's `data` section (path, features, captions, types, missing_images, image_share, ...).
            Without `image_share`, all photos are shown, whatever the run was trained with.
    """

    run: Path
    split: str = "test"
    out: Path | None = None
    device: str = "auto"
    batch_size: int = 64
    explain: bool = False
    data: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One run over a split.

    Args:
        out: Where the report lies.
        report: How it was measured.
        scores: The figures; None where no row has a relation.
        ids: (n,) of the posts.
        gold: (n,) relation ids, -1 where none is known.
        predicted: (n,) relation ids.
        labels: Whose ids these are.
    """

    out: Path
    report: Mapping[str, Any]
    scores: Scores | None
    ids: tuple[str, ...]
    gold: NDArray[np.int64]
    predicted: NDArray[np.int64]
    labels: LabelSpace


def evaluate(settings: EvalSettings) -> Evaluation:
    """Predict every row of a split and score those that have a relation.

    Raises:
        UserError: If the run, the data or the features do not serve; nothing is written then.
    """
    folder = RunFolder(settings.run)
    config = folder.finished_config()
    if settings.out is not None and settings.out.is_file():
        raise UserError(f"{settings.out}: is a file", "Name a folder as --out.")
    share = config.data.image_share
    config = change_data(config, {"image_share": 1.0, **(settings.data or {})})
    device = choose_device(settings.device)
    dataset = read_configured(replace(config.data, negative_label=None))  # the run's own counts
    settings = replace(settings, split=_known_split(dataset, settings.split))
    out = settings.out or folder.path / f"eval-{settings.split}"
    check_report_place(out)
    corpus = open_corpus(config, dataset, device)
    posts = corpus.split(settings.split)
    facts = folder.read_data()
    _check_relations(posts, facts["training_rows"], folder)
    answers = answer(
        folder,
        config,
        corpus,
        posts,
        device=device,
        batch_size=settings.batch_size,
        title=settings.split,
        explain=settings.explain,
    )
    scores = _score(answers, facts["training_rows"])
    report = _report(settings, config, corpus, answers, facts) | {"image_share_in_training": share}
    out.mkdir(parents=True, exist_ok=True)
    write_predictions(out, answers.rows())
    write_report(out, report, scores)
    examples = answers.split.batches.examples
    return Evaluation(
        out=out,
        report=report,
        scores=scores,
        ids=tuple(post.id for post in examples.posts),
        gold=examples.relations,
        predicted=answers.predictions.relations,
        labels=answers.labels,
    )


def compare_runs(ours: Sequence[Evaluation], others: Sequence[Evaluation]) -> Comparison:
    """Compare two systems, each a run or several (seeds), on the rows that both were evaluated on.

    Raises:
        UserError: Their rows or relations differ, or no row has a relation.
        ValueError: One has more runs than the other.
    """
    first = ours[0]
    for other in (*ours, *others):
        if other.labels != first.labels or other.ids != first.ids or (other.gold != first.gold).any():
            raise UserError(
                f"{other.report['run']}: was evaluated on other rows or relations than {first.report['run']}",
                "Compare runs on one split of one data set, with the same --missing-images and --on-error.",
            )
    known = first.gold >= 0
    if not known.any():
        raise UserError(f"{first.report['data']}: no row has a relation, so that nothing can be compared")
    our_answers, other_answers = ([run.predicted[known] for run in side] for side in (ours, others))
    return compare(first.gold[known], our_answers, other_answers, first.labels.none)


def _count_relations(dataset: Dataset) -> dict[str, Any]:
    """Where the relations are listed (None: in the rows), and how many of them have a row in any split."""
    used = {post.relation for post in dataset.posts}
    file = dataset.relations_file
    counts = {"listed": len(dataset.relations), "with_rows": sum(name in used for name in dataset.relations)}
    return {"file": None if file is None else str(file), **counts}


def _known_split(dataset: Dataset, name: str) -> str:
    """The name of a split here: val where dev was asked for."""
    return name if name in dataset.splits else split_name(name)


def _check_relations(posts: Sequence[Post], known: Container[str], folder: RunFolder) -> None:
    """Refuse rows whose relation the run cannot answer: they would drop out of the figures and flatter them."""
    strange = Counter(post.relation for post in posts if post.relation is not None and post.relation not in known)
    if strange:
        name, rows = strange.most_common(1)[0]
        raise UserError(
            f"{sum(strange.values())} rows have relations that {folder.path} does not know, such as {name} ({rows})",
            "Train with them, or take the relation out of such rows: they then get predictions only.",
        )


def _score(answers: Answers, training_rows: Mapping[str, int]) -> Scores | None:
    gold = answers.split.batches.examples.relations
    known = gold >= 0
    if not known.any():
        return None
    labels = answers.labels
    return score(gold[known], answers.predictions.relations[known], labels.relations, labels.none, training_rows)


def _report(
    settings: EvalSettings, config: TrainConfig, corpus: Corpus, answers: Answers, facts: Mapping[str, Any]
) -> dict[str, Any]:
    """Say how the figures came about: everything a reader must know before comparing them."""
    examples, placed = answers.split.batches.examples, answers.split.placed
    captioned = examples.caption_rows
    negative, data = answers.labels.negative, config.data
    return {
        "run": str(settings.run),
        "data": str(corpus.dataset.root),
        "split": settings.split,
        "protocol": "; ".join(filter(None, (config.model.protocol or HONEST, config.control))),
        "entity_types": config.model.reads.entity_types,
        "metric": "accuracy over all rows; micro precision, recall and F1 "
        + (f"without {negative}" if negative else "over every relation"),
        "negative_label": negative,
        "rows": len(examples),
        "rows_without_relation": int((examples.relations < 0).sum()),
        "text_only_rows": placed.text_only,
        "rows_with_missing_photo": len(placed.missing),
        "skipped_rows": [*placed.skipped, *(str(fault) for fault in corpus.dataset.faults)],
        "features": corpus.store.fingerprint if corpus.store else None,
        "captioner": corpus.captioner,
        "captions_of": data.captions_of if corpus.captions else None,
        "rows_with_caption": 0 if captioned is None else int((captioned >= 0).sum()),
        "image_share": data.image_share,
        "types": None if corpus.type_file is None else asdict(corpus.type_file),
        "relations": _count_relations(corpus.dataset),
        "effects": summarize_effects(answers.predictions),
        "language_model": config.language_model,
        "training_rows": facts.get("rows"),
        "train_share": data.train_share,
        "shots": data.shots,
        "seed": config.seed,
        "data_seed": config.data_seed,
    }
