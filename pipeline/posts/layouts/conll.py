"""CoNLL, as Twitter-15 and Twitter-17 come: words with tags of mentions, and no relation; every ordered pair is a row.

    IMGID:62654
    Ann<TAB>B-PER
    met<TAB>O
    Bo<TAB>B-PER

A blank line ends a post. OTHER is called misc here, as in MNRE. A post of more words or mentions than anyone writes is
at fault: its pairs would be too many.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import permutations
from pathlib import Path

from dgf.pipeline.faults import FaultLog, RowError, show_value
from dgf.pipeline.lines import split_lines
from dgf.pipeline.posts.base import MAX_MENTIONS, Mention, Post
from dgf.pipeline.posts.fields import image_field, text_field
from dgf.pipeline.posts.layouts.base import DataLayout, ReadContext, in_any_folder, split_files
from dgf.pipeline.posts.layouts.peek import peek
from dgf.pipeline.text_files import open_text

_FILE = re.compile(r"(?P<split>.+)\.(txt|conll|bio)(\.gz)?")
_PHOTO = "IMGID:"
_TAG = re.compile(r"O|(?P<place>[BI])-(?P<type>\S+)")
_TYPES = {"other": "misc"}
_PHOTOS = ("twitter2015_images", "twitter2017_images", "images", "img_org")


_MAX_WORDS = 1000


@dataclass(slots=True)
class _Block:
    """A post as its lines say it; `at` is the line it begins in, and it is `bad` where one of them is at fault."""

    at: int
    image: str | None = None
    tokens: list[str] = field(default_factory=list)
    mentions: list[Mention] = field(default_factory=list)
    bad: bool = False


def read_conll(path: Path, split: str, reading: ReadContext) -> Iterator[tuple[str, Post]]:
    """Read one split; the k-th pair of the post that begins in a line gets the id `split:line.k`."""
    posts, mentions, pairs, alone = 0, 0, 0, 0
    for block in _blocks(path, reading.log):
        found = _named(block)
        posts, mentions, alone = posts + 1, mentions + len(found), alone + (len(found) < 2)
        images = in_any_folder(block.image, split)
        tokens = tuple(block.tokens)
        for number, (head, tail) in enumerate(permutations(found, 2), start=1):
            yield split, Post(f"{split}:{block.at}.{number}", tokens, head, tail, images)
        pairs += len(found) * (len(found) - 1)
    if not posts:
        reading.log.add(path, None, "holds no row", "empty")
        return
    of = f"{posts} posts with {mentions} mentions and no relations: a row for each of {pairs} ordered pairs"
    reading.log.notes.append(f"{path}: {of}; {alone} posts with fewer than two mentions have none")


CONLL = DataLayout(
    name="conll",
    files="{train,valid,test}.txt that begin with IMGID:",
    find=lambda path: split_files(path, _FILE, (".", "txt")),
    claims=lambda path: peek(path).startswith(_PHOTO),
    read=read_conll,
    photos=_PHOTOS,
)


def _named(block: _Block) -> list[Mention]:
    """The mentions of a post, whose texts are known once all of its words are."""
    return [
        Mention(" ".join(block.tokens[mention.start : mention.end]), mention.start, mention.end, mention.type)
        for mention in block.mentions
    ]


def _blocks(path: Path, log: FaultLog) -> Iterator[_Block]:
    """Yield the posts of a file; one with a bad line is left out, and its first such line is a fault."""
    block: _Block | None = None
    last = 0
    with open_text(path) as text:
        for number, line in split_lines(text):
            # lines that are blank are not given: their numbers are missing
            begins = isinstance(line, str) and line.startswith(_PHOTO)
            if block is None or begins or number > last + 1:
                if block is not None and block.tokens and not block.bad:
                    yield block
                block = _Block(number)
            last = number
            if block.bad:
                continue
            before = len(log.faults)
            with log.at(path, number):
                _read_line(block, line)
            block.bad = len(log.faults) > before
    if block is not None and block.tokens and not block.bad:
        yield block


def _read_line(block: _Block, line: str | RowError) -> None:
    if isinstance(line, RowError):
        raise line
    if line.startswith(_PHOTO):
        number = image_field(line.removeprefix(_PHOTO).strip(), "IMGID")
        block.image = None if number is None else f"{number}.jpg" if Path(number).suffix == "" else number
        return
    word, _, tag = line.rstrip().rpartition("\t") if "\t" in line else line.rstrip().rpartition(" ")
    found = _TAG.fullmatch(tag)
    word = word.strip()
    if found is None or " " in word or "\t" in word:
        raise RowError(f"must be a word, a tab and a tag such as O or B-PER, not {show_value(line)}", "tag")
    if len(block.tokens) >= _MAX_WORDS:
        raise RowError(f"the post has more than {_MAX_WORDS} words", "too long")
    block.tokens.append(text_field(word, "the word"))
    if found["place"] is None:
        return
    kind = _TYPES.get(found["type"].lower(), found["type"].lower())
    place, before = len(block.tokens) - 1, block.mentions[-1] if block.mentions else None
    # as conlleval has it: an I- that continues nothing of its type begins a mention
    if found["place"] == "I" and before is not None and before.end == place and before.type == kind:
        block.mentions[-1] = Mention("", before.start, place + 1, kind)
    elif len(block.mentions) >= MAX_MENTIONS:
        raise RowError(f"the post has more than {MAX_MENTIONS} mentions", "too long")
    else:
        block.mentions.append(Mention("", place, place + 1, kind))
