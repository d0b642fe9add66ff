"""`dgf eval`: a trained run over a split, to a report, predictions and a table."""

from collections import Counter
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dgf.model.labels import LabelSpace
from dgf.pipeline.errors import UserError
from dgf.pipeline.files import write_atomic
from dgf.pipeline.posts import Dataset, Post, split_name
from dgf.pipeline.storage.mirror import name_addresses
from dgf.workflows.audit.type_pairs import audit_types
from dgf.workflows.config import TrainConfig, change_data
from dgf.workflows.data import Corpus, open_corpus, read_configured
from dgf.workflows.devices import choose_device
from dgf.workflows.located import bring_inputs, bring_shown
from dgf.workflows.scoring import (
    Answers,
    AuditedTypes,
    Groups,
    Protocols,
    Scores,
    ShareScores,
    answer,
    assess,
    assess_share,
    check_report_place,
    describe_protocols,
    group_rows,
    summarize_effects,
    write_predictions,
    write_report,
)
from dgf.workflows.scoring.report import check_page_place, make_page, show_posts
from dgf.workflows.sharing.card import write_card
from dgf.workflows.training.run_folder import RunFolder

PAGE = "report.html"


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
        photo_shares: Shares of the photos with which micro F1 is measured too, each a part of the next larger one.
        data: Changes to the run's `data` section (path, features, captions, types, missing_images, image_share, ...).
            Without `image_share`, all photos are shown, whatever the run was trained with.
        page: Whether to make `report.html`, which holds pictures, too.
    """

    run: Path
    split: str = "test"
    out: Path | None = None
    device: str = "auto"
    batch_size: int = 64
    explain: bool = False
    photo_shares: tuple[float, ...] = ()
    data: Mapping[str, Any] | None = None
    page: bool = True


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One run over a split.

    Args:
        out: Where the report lies.
        report: What `report.json` says: how it was measured, and everything that was.
        scores: The figures alone; None where no row has a relation.
        ids: (n,) of the posts.
        gold: (n,) relation ids, -1 where none is known.
        predicted: (n,) relation ids.
        groups: (n,) which rows are of one sentence or photo.
        labels: Whose ids these are.
    """

    out: Path
    report: Mapping[str, Any]
    scores: Scores | None
    ids: tuple[str, ...]
    gold: NDArray[np.int64]
    predicted: NDArray[np.int64]
    groups: Groups
    labels: LabelSpace


def evaluate(settings: EvalSettings) -> Evaluation:
    """Predict every row of a split and score those that have a relation.

    Raises:
        UserError: If the run, the data or the features do not serve; nothing is written then.
    """
    folder = RunFolder(settings.run)
    config = folder.finished_config()
    if settings.out is not None and (file := next(filter(Path.is_file, (settings.out, *settings.out.parents)), None)):
        raise UserError(f"{file}: is a file", "Name a folder as --out.")
    share = config.data.image_share
    config = change_data(config, {"image_share": 1.0, **(settings.data or {})})
    device = choose_device(settings.device)
    here = replace(config, data=bring_inputs(config.data))
    dataset = read_configured(replace(here.data, negative_label=None))  # the run's own counts
    settings = replace(settings, split=_known_split(dataset, settings.split))
    out = settings.out or folder.path / f"eval-{settings.split}"
    check_report_place(out)
    check_page_place(out / PAGE, "Name another folder as --out.")
    corpus = open_corpus(here, dataset, device)
    posts = corpus.split(settings.split)
    if settings.photo_shares and corpus.store is None and corpus.captions is None:
        raise UserError(f"--photo-shares: {folder.path} is evaluated without photos", "Give --features or --captions.")
    facts = folder.read_data()
    _check_relations(posts, facts["training_rows"], folder)
    read = partial(
        answer,
        folder,
        corpus=corpus,
        posts=posts,
        device=device,
        batch_size=settings.batch_size,
        split=settings.split,
    )
    answers = read(config, explain=settings.explain)

    # the split as it is, then with each share of its photos
    measured = assess(answers, facts["training_rows"])
    by_share = _by_share(settings.photo_shares, config, read, settings.split) if measured else []

    # where everything came from, and whether types among it give relations away
    audited = _audit(corpus, settings.split, answers.labels.negative)
    protocols = describe_protocols(folder, config, corpus, answers.split.placed, audited)
    report = {
        **_report(settings, config, corpus, answers, facts, protocols),
        "image_share_in_training": share,
        "by_share": [asdict(scores) for scores in by_share] or None,
        "scores": measured.figures() if measured else None,
    }
    rows = list(answers.rows())
    page = None
    if settings.page:
        corpus = replace(corpus, dataset=bring_shown(corpus.dataset, config.data, settings.split))
        page = make_page(report, show_posts(corpus, answers, rows), corpus.dataset.image_root)
    out.mkdir(parents=True, exist_ok=True)
    write_predictions(out, rows)
    write_report(out, report)
    if page is not None:
        write_atomic(out / PAGE, page)
    if out.absolute().parent == folder.path.absolute():
        write_card(folder)
    examples = answers.split.batches.examples
    return Evaluation(
        out=out,
        report=report,
        scores=measured.scores if measured else None,
        ids=tuple(post.id for post in examples.posts),
        gold=examples.relations,
        predicted=answers.predictions.relations,
        groups=group_rows(examples.posts),
        labels=answers.labels,
    )


def parse_shares(text: str) -> tuple[float, ...]:
    """Read shares such as `0,0.2,1`.

    Raises:
        UserError: They are not numbers from 0 to 1.
    """
    try:
        shares = tuple(float(word) for word in text.split(","))
    except ValueError:
        shares = (-1.0,)
    if not all(0 <= share <= 1 for share in shares):
        raise UserError(
            f"--photo-shares {text}: not numbers from 0 to 1", "Such as --photo-shares 0,0.2,0.4,0.6,0.8,1."
        )
    return shares


def _by_share(
    shares: Sequence[float], config: TrainConfig, read: Callable[..., Answers], split: str
) -> list[ShareScores]:
    """Answer the split once for each share of the photos."""
    found = (
        assess_share(
            read(change_data(config, {"image_share": share}), title=f"{split}, {100 * share:g}% of the photos"), share
        )
        for share in sorted(set(shares))
    )
    return [scores for scores in found if scores is not None]


def _audit(corpus: Corpus, split: str, negative: str | None) -> AuditedTypes | None:
    """Ask of the types that a file or the posts give whether they give relations away; None where none is given.

    Without a negative relation there is no asking whether a post has a relation: types that name it too well are all
    that can be found.
    """
    if not corpus.types:
        return None
    verdict = audit_types(replace(corpus.dataset, negative=negative), corpus.types, split)
    leak = verdict.level == "leak" or (negative is None and verdict.level == "suspicious")
    return AuditedTypes(verdict.sentence, leak)


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


def _report(
    settings: EvalSettings,
    config: TrainConfig,
    corpus: Corpus,
    answers: Answers,
    facts: Mapping[str, Any],
    protocols: Protocols,
) -> dict[str, Any]:
    """Say how the figures came about: everything a reader must know before comparing them."""
    examples, placed = answers.split.batches.examples, answers.split.placed
    captioned = examples.caption_rows
    negative, data = answers.labels.negative, config.data
    return {
        "run": str(settings.run),
        "data": config.data.path,
        "split": settings.split,
        "protocol": protocols.line,
        "protocols": {name: getattr(protocols, name) for name in ("types", "photos", "captions", "selection")},
        "oracle": protocols.oracle,
        "entity_types": config.model.reads.entity_types,
        "metric": "accuracy over all rows; micro precision, recall and F1 "
        + (f"without {negative}" if negative else "over every relation")
        + "; macro F1 over the relations among these that have a row in the split",
        "negative_label": negative,
        "rows": len(examples),
        "rows_without_relation": int((examples.relations < 0).sum()),
        "text_only_rows": placed.text_only,
        "rows_with_missing_photo": len(placed.missing),
        "skipped_rows": [*placed.skipped, *(name_addresses(str(fault)) for fault in corpus.dataset.faults)],
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
