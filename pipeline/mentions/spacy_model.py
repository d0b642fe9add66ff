"""Mentions as a model of spaCy finds named entities, with their types; the library is not installed with dgf."""

from collections.abc import Iterator, Sequence

from dgf.pipeline.errors import UserError
from dgf.pipeline.mentions.base import GivenMention, over_words
from dgf.pipeline.posts import MentionFinder

_NUMBERS = ("DATE", "TIME", "PERCENT", "MONEY", "QUANTITY", "ORDINAL", "CARDINAL")
"""What spaCy finds that is no entity of a relation here."""

_TYPES = {"PERSON": "per", "PER": "per", "ORG": "org", "GPE": "loc", "LOC": "loc", "FAC": "loc"}
"""All others are misc, as in MNRE."""


def spacy_finder(name: str) -> MentionFinder:
    """Load a model by its name or folder; it reads the words of a post as they are.

    Raises:
        UserError: spaCy is not installed, or has no such model.
    """
    try:
        import spacy
    except ImportError:
        hint = "Install it: pip install 'dgf[spacy]'; or find mentions by `rules`, which need no model."
        raise UserError(f"mentions spacy:{name}: spaCy is not installed", hint) from None
    try:
        model = spacy.load(name)
    except (OSError, ValueError) as error:
        said = (str(error).strip().splitlines() or [""])[0]
        hint = f"python -m spacy download {name}, if it is one of spaCy's; or name a folder."
        raise UserError(f"mentions spacy:{name}: {said}", hint) from None

    def find(tokens: Sequence[str]) -> Iterator[GivenMention]:
        document = spacy.tokens.Doc(model.vocab, words=list(tokens))
        for _, part in model.pipeline:
            document = part(document)
        for entity in document.ents:
            if entity.label_ not in _NUMBERS:
                yield entity.start, entity.end, _TYPES.get(entity.label_, "misc")

    return over_words(find)
