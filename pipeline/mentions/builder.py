"""Which way mentions are found."""

from collections.abc import Callable, Iterable, Sequence

from dgf.pipeline.errors import UserError
from dgf.pipeline.mentions.base import FoundSpan, MentionFinder, checked
from dgf.pipeline.mentions.rules import find_by_rules
from dgf.pipeline.posts import Mention


def build_finder(how: str | Callable[[Sequence[str]], Iterable[Mention | FoundSpan]]) -> MentionFinder:
    """Make what finds mentions: `rules`, `spacy:MODEL`, or a function of one's own.

    Args:
        how: A function takes the words of a post, and gives mentions, (start, end) or (start, end, type) in words.

    Raises:
        UserError: There is no such way, or a model cannot be loaded.
    """
    if callable(how):
        return checked(how)
    if how == "rules":
        return find_by_rules
    kind, _, model = how.partition(":")
    if kind == "spacy" and model:
        from dgf.pipeline.mentions.spacy_model import spacy_finder

        return spacy_finder(model)
    raise UserError(f"--mentions {how}: no such way to find mentions", "One of rules, spacy:MODEL.")
