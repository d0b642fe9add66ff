"""`dgf audit`: which signals beside words and pixels tell None from a relation, or name the relation."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from dgf.pipeline.errors import UserError
from dgf.pipeline.faults import show_value
from dgf.pipeline.posts import Dataset, Post, read_dataset, split_name
from dgf.workflows.audit.claims import SplitCounts
from dgf.workflows.audit.examine import Fold, examine, halves, labeled
from dgf.workflows.audit.findings import Baseline, Finding, Level, worst
from dgf.workflows.audit.signals import LABELS, AuditSettings, Gathered, gather

_SHOWN = 120
"""Characters of a sentence that is shown."""


@dataclass(frozen=True, slots=True)
class Shared:
    """What two splits have in common: distinct sentences, distinct photos, and some of the sentences."""

    one: str
    other: str
    sentences: int
    photos: int
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Audit:
    """What `dgf audit` found.

    Args:
        data: The data set.
        split: The rows that were scored: those with a known relation. `positives` have one that is not negative.
        fitted_on: The rows that rules were learned from.
        negative: The relation that means that there is none.
        baseline: What the most frequent relation scores.
        findings: What each signal gives away, the largest effect first.
        shared: What splits have in common, where they have anything.
        oracle: Whether types were read out of the labels, to see what that is worth.
    """

    data: Path
    split: str
    rows: int
    positives: int
    fitted_on: str
    negative: str | None
    baseline: Baseline
    findings: tuple[Finding, ...]
    shared: tuple[Shared, ...]
    oracle: bool

    @property
    def level(self) -> Level:
        """The worst of all findings."""
        return worst([finding.level for finding in self.findings])

    def to_json(self) -> dict[str, Any]:
        """Return everything, as JSON values."""
        findings = [{**asdict(finding), "level": finding.level} for finding in self.findings]
        return {**asdict(self), "data": str(self.data), "level": self.level, "findings": findings}


def audit(settings: AuditSettings, gathered: Gathered | None = None) -> Audit:
    """Audit every signal of a data set; `gathered` is what `gather` found, where that is known.

    Raises:
        UserError: Something cannot be read, or there is nothing to score.
    """
    gathered = gathered or gather(settings)
    dataset, split = gathered.dataset, _known_split(gathered.dataset, settings.split)
    train, scored = (labeled(dataset.splits.get(name, ())) for name in ("train", split))
    if not scored:
        raise UserError(f"{settings.data}: no row of the split {split} has a relation", "Name another --split.")
    within = halves(scored, split, settings.seed)
    across = (Fold("train", train, scored),) if train and split != "train" else ()
    asked = [
        (signal, folds)
        for signal in gathered.signals
        if (folds := across if across and any(post.id in signal.values for post in train) else within)
    ]
    if not asked:
        raise UserError(
            f"{settings.data}: the rows of the split {split} all show one photo or have one sentence",
            "An audit needs rows to learn from and others to score.",
        )
    findings, baseline = examine(dataset, asked, settings.seed)
    return Audit(
        data=settings.data,
        split=split,
        rows=len(scored),
        positives=sum(post.relation != dataset.negative for post in scored),
        fitted_on=asked[0][1][0].fitted_on,
        negative=dataset.negative,
        baseline=baseline,
        findings=tuple(sorted(findings, key=lambda finding: finding.effect, reverse=True)),
        shared=tuple(_shared(dataset)),
        oracle=settings.types == LABELS,
    )


def count_split(settings: AuditSettings) -> SplitCounts:
    """Count the rows of the split that have a relation, and those whose relation is not the negative one.

    Raises:
        UserError: There is no such split, or it has no such row.
    """
    dataset = read_dataset(
        settings.data,
        on_error=settings.on_error,
        negative=settings.negative_label,
        span_unit=settings.span_unit,
        layout=settings.layout,
    )
    relations = [post.relation for post in labeled(dataset.splits[_known_split(dataset, settings.split)])]
    return SplitCounts(len(relations), sum(relation != dataset.negative for relation in relations))


def _known_split(dataset: Dataset, name: str) -> str:
    """The split of that name; where there is only one, that one.

    Raises:
        UserError: There is no such split.
    """
    if name not in dataset.splits and len(dataset.splits) == 1:
        return next(iter(dataset.splits))
    if (known := split_name(name)) in dataset.splits:
        return known
    raise UserError(f"{dataset.root}: no rows in a split called {name!r}", f"Splits here: {', '.join(dataset.splits)}.")


def _shared(dataset: Dataset) -> list[Shared]:
    found = []
    for one, other in combinations(dataset.splits, 2):
        posts: Sequence[tuple[Post, ...]] = (dataset.splits[one], dataset.splits[other])
        first, second = ({post.tokens: post for post in of_split} for of_split in posts)
        photos = [{tuple(sorted(post.image_ids)) for post in of_split if post.image_ids} for of_split in posts]
        both = [tokens for tokens in first if tokens in second]
        examples = tuple(
            f"{first[tokens].id} and {second[tokens].id}: {show_value(' '.join(tokens), _SHOWN)}" for tokens in both[:5]
        )
        if both or photos[0] & photos[1]:
            found.append(Shared(one, other, len(both), len(photos[0] & photos[1]), examples))
    return found
