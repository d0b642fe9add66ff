"""Which way mentions are found."""

from collections.abc import Callable, Iterable
from typing import Any

from dgf.pipeline.errors import UserError
from dgf.pipeline.mentions.base import GivenMention, checked, over_words
from dgf.pipeline.mentions.rules import find_by_rules
from dgf.pipeline.posts import MentionFinder


def build_finder(how: str | Callable[[Any], Iterable[GivenMention]]) -> MentionFinder:
    """Make what finds mentions: `rules`, `spacy:MODEL`, or a function of one's own.

    Args:
        how: A function takes the text of a post, or its words where it has no text, and gives mentions, (start, end) or
            (start, end, type): in characters of the text, or in words.

    Raises:
        UserError: There is no such way, or a model cannot be loaded.
    """
    if callable(how):
        return checked(how)
    if how == "rules":
        return over_words(find_by_rules)
    kind, _, model = str(how).partition(":")
    if kind == "spacy" and model:
        from dgf.pipeline.mentions.spacy_model import spacy_finder

        return spacy_finder(model)
    raise UserError(f"mentions {how}: no such way to find mentions", "There are rules and spacy:MODEL.")
