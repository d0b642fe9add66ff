"""What a language model is asked, as token ids: caption and sentence, the question, and each relation in words."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from dgf.model.batch import Batch
from dgf.model.errors import ModelError
from dgf.model.labels import LabelSpace
from dgf.model.language_models import LanguageModel

Tokens = tuple[int, ...]

CAPTION = "Photo:\n{caption}\n"
SENTENCE = "Sentence:\n{sentence}\n"
QUESTION = "The relation between {head} and {tail} is"
UNRELATED = "that {head} and {tail} are not related"
BETWEEN = "\n\n"
"""Stands between a demonstration and what follows it."""

DESCRIPTIONS: Mapping[str, str] = {
    "/per/per/parent": "that {head} is a parent of {tail}",
    "/per/per/siblings": "that {head} is a sibling of {tail}",
    "/per/per/couple": "that {head} is the partner of {tail}",
    "/per/per/neighbor": "that {head} is a neighbor of {tail}",
    "/per/per/peer": "that {head} is a peer of {tail}",
    "/per/per/charges": "that {head} is in charge of {tail}",
    "/per/per/alumi": "that {head} went to school with {tail}",
    "/per/per/alternate_names": "that {head} is another name of {tail}",
    "/per/org/member_of": "that {head} is a member of {tail}",
    "/per/loc/place_of_residence": "that {head} lives in {tail}",
    "/per/loc/place_of_birth": "that {head} was born in {tail}",
    "/per/misc/present_in": "that {head} is present in {tail}",
    "/per/misc/awarded": "that {head} was awarded {tail}",
    "/per/misc/race": "that {head} is of the race {tail}",
    "/per/misc/religion": "that {head} is of the religion {tail}",
    "/per/misc/nationality": "that {head} has the nationality {tail}",
    "/org/org/alternate_names": "that {head} is another name of the organization {tail}",
    "/org/org/subsidiary": "that {head} is a subsidiary of {tail}",
    "/org/loc/locate_at": "that {head} is located at {tail}",
    "/loc/loc/contain": "that {head} contains {tail}",
    "/misc/misc/part_of": "that {head} is a part of {tail}",
    "/misc/loc/held_on": "that {head} is held in {tail}",
}
"""MNRE's relations, as its authors name them, in words."""


@dataclass(frozen=True, slots=True)
class AskedRow:
    """The words of one row.

    Args:
        sentence: Its tokens, without those that a tokenizer adds.
        head: The tokens of the head's mention, as they are inside a sentence.
        tail: Likewise of the tail.
        caption: The tokens of its photo's caption; none where there is no caption, or none is asked with.
    """

    sentence: Tokens
    head: Tokens
    tail: Tokens
    caption: Tokens = ()


class Wording:
    """Puts rows into words.

    Args:
        language_model: Its tokenizer spells the words.
        labels: The relations.
        verbalizer: Descriptions of relations that stand in place of this file's.
        captions: Whether rows are asked with their captions.

    Raises:
        ModelError: There is no tokenizer, or the verbalizer names a relation that there is not.
    """

    def __init__(
        self, language_model: LanguageModel, labels: LabelSpace, verbalizer: Mapping[str, str], *, captions: bool
    ) -> None:
        tokenizer = language_model.tokenizer
        if tokenizer is None:
            raise ModelError(f"{language_model.spec}: has no tokenizer, and a model that is asked in words needs one")
        if unknown := sorted(verbalizer.keys() - set(labels.relations)):
            raise ModelError(f"model.verbalizer: no relation is called {', '.join(unknown)}; name those of the data")
        self._language_model = language_model
        self._captions, self._caption = captions, self._spell(CAPTION, "caption")
        self._sentence, self._question = self._spell(SENTENCE), self._spell(QUESTION)
        described = {**DESCRIPTIONS, **({labels.negative: UNRELATED} if labels.negative else {}), **verbalizer}
        self._descriptions = [self._spell(f" {described.get(name) or _in_words(name)}.") for name in labels.relations]
        self._between = tuple(language_model.words(BETWEEN))
        begin = tokenizer.bos_token_id
        self.opening: Tokens = (begin,) if begin is not None and begin in tokenizer("a")["input_ids"][:1] else ()
        """What the tokenizer begins a text with."""
        self._added = set(tokenizer.all_special_ids) - {tokenizer.unk_token_id}
        vocabulary = tokenizer.get_vocab()
        self._spaced = {
            number: vocabulary[f"Ġ{piece}"] for piece, number in vocabulary.items() if _opens(piece, vocabulary)
        }

    def read(self, batch: Batch) -> list[AskedRow]:
        """Take the rows of a batch apart."""
        lengths = batch.token_mask.sum(1).tolist()
        rows = zip(batch.tokens.tolist(), lengths, batch.spans.tolist(), self._read_captions(batch), strict=True)
        return [self._row(tokens[:length], head, tail, caption) for tokens, length, (head, tail), caption in rows]

    def ask(self, row: AskedRow, *, with_post: bool = True) -> Tokens:
        """Return the question, after the caption, if there is one, and the sentence, or without both."""
        caption = _fill(self._caption, row) if row.caption else ()
        return (caption + _fill(self._sentence, row) if with_post else ()) + _fill(self._question, row)

    def describe(self, row: AskedRow) -> list[Tokens]:
        """Return the answer that each relation would be, in their order."""
        return [_fill(description, row) for description in self._descriptions]

    def demonstrate(self, row: AskedRow, relation: int) -> Tokens:
        """Return a row with its question and its answer, and what stands before the next."""
        return self.ask(row) + _fill(self._descriptions[relation], row) + self._between

    def _read_captions(self, batch: Batch) -> list[Tokens]:
        if not (self._captions and batch.has_caption):
            return [()] * len(batch)
        tokens, mask, there = batch.caption_tokens, batch.caption_token_mask, batch.caption_mask
        assert tokens is not None and mask is not None and there is not None
        kept = mask & there.unsqueeze(1)  # (B, C)
        return [self._own(caption[own].tolist()) for caption, own in zip(tokens, kept, strict=True)]

    def _row(self, tokens: list[int], head: list[int], tail: list[int], caption: Tokens) -> AskedRow:
        return AskedRow(self._own(tokens), self._mention(tokens, head), self._mention(tokens, tail), caption)

    def _own(self, tokens: list[int]) -> Tokens:
        return tuple(token for token in tokens if token not in self._added)

    def _mention(self, tokens: list[int], span: list[int]) -> Tokens:
        mention = self._own(tokens[slice(*span)])
        return tuple(self._spaced.get(token, token) for token in mention[:1]) + mention[1:]

    def _spell(self, template: str, whole: str = "sentence") -> tuple[Tokens | str, ...]:
        """Turn a template into token ids and the names of slots; a mention brings the space before it along."""
        parts = re.split(rf"(?: ?\{{(head|tail)\}}|\{{({whole})\}})", template)
        texts = [(part, number % 3 != 0) for number, part in enumerate(parts) if part]
        return tuple(part if is_slot else tuple(self._language_model.words(part)) for part, is_slot in texts)


def _opens(piece: str, vocabulary: Mapping[str, int]) -> bool:
    """Whether a byte-level piece has a twin that begins a word inside a sentence."""
    return not piece.startswith("Ġ") and f"Ġ{piece}" in vocabulary


def _in_words(relation: str) -> str:
    """Make words of a name such as `/per/loc/lives_in`."""
    return relation.rstrip("/").rsplit("/", 1)[-1].replace("_", " ").strip() or relation


def _fill(template: tuple[Tokens | str, ...], row: AskedRow) -> Tokens:
    parts: list[Tokens] = [getattr(row, part) if isinstance(part, str) else part for part in template]
    return tuple(token for part in parts for token in part)
