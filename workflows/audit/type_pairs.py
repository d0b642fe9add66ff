"""Whether entity types give relations away: the core that `dgf eval` runs on types from a file."""

from collections.abc import Mapping
from dataclasses import dataclass

from dgf.pipeline.posts import Dataset
from dgf.workflows.audit.examine import Fold, examine, halves, labeled
from dgf.workflows.audit.findings import Finding, Level, worst
from dgf.workflows.audit.signals import TypePair, type_signals


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an audit of types says.

    Args:
        level: leak, suspicious or no leak; None where no row that was to be scored has a relation.
        sentence: The same for people, with its figures.
        findings: Of each signal, and of each way to learn a rule from it.
    """

    level: Level | None
    sentence: str
    findings: tuple[Finding, ...]


def audit_types(dataset: Dataset, pairs: Mapping[str, TypePair], split: str = "test", seed: int = 0) -> Verdict:
    """Ask whether the presence or the pair of types tells if a post has a relation, or which.

    Rules are learned from the training rows, where types are given for any of them, and scored on the split. They are
    also learned within the split, each half from the other: types may give away in it what they do not in training.

    Args:
        dataset: The posts with their relations; nothing of their photos is looked at.
        pairs: Head type and tail type by post id.
        split: The rows to score.
        seed: Of halves and exchanges.
    """
    scored = labeled(dataset.splits.get(split, ()))
    if not scored:
        return Verdict(None, f"types were not audited: no row of {split} has a relation", ())
    asked = [(signal, folds) for folds in _ways(dataset, pairs, split, seed) for signal in type_signals(pairs)]
    if not asked:
        return Verdict(None, f"types were not audited: the rows of {split} are one group of posts", ())
    findings, baseline = examine(dataset, asked, seed)
    level = worst([finding.level for finding in findings])
    largest = max(findings, key=lambda finding: (finding.effect, finding.f1))
    said = {
        "leak": "these types give the relation away",
        "suspicious": "these types tell more of the relation than chance would",
        "no leak": "these types were not found to give the relation away",
    }[level]
    if level == "no leak" and any(finding.unsure for finding in findings):
        said = "whether these types give the relation away cannot be told from so few posts"
    sentence = (
        f"{said}: {largest.signal.removeprefix('types: ')} alone, learned from {largest.fitted_on}, "
        f"has accuracy {100 * largest.accuracy:.1f} and F1 {100 * largest.f1:.1f} on {split} "
        f"(always {baseline.answer!r}: {100 * baseline.accuracy:.1f} and {100 * baseline.f1:.1f})"
    )
    return Verdict(level, sentence, tuple(findings))


def _ways(dataset: Dataset, pairs: Mapping[str, TypePair], split: str, seed: int) -> list[tuple[Fold, ...]]:
    train, scored = labeled(dataset.splits.get("train", ())), dataset.splits[split]
    ways = [halves(scored, split, seed)]
    if split != "train" and any(any(pairs.get(post.id, ())) for post in train):
        ways.insert(0, (Fold("train", train, labeled(scored)),))
    return [folds for folds in ways if folds]
