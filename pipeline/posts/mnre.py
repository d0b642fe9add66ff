"""The layout that MNRE, MEGA and HVPNeT users have: one Python literal (or JSON object) per line, photos by split."""

import ast
import re
from collections.abc import Mapping
from pathlib import Path

from dgf.pipeline.errors import UserError
from dgf.pipeline.faults import FaultLog, RowError, show_value
from dgf.pipeline.lines import NOT_ALLOWED, parse_json, read_objects
from dgf.pipeline.posts.base import Mention, Post
from dgf.pipeline.posts.fields import (
    check_pair,
    image_field,
    mapping_field,
    mention_of_words,
    relation_field,
    span_field,
    text_field,
    token_field,
)

SPLITS = ("train", "val", "test")
IMAGE_FOLDER = "img_org"
RELATION_FILES = ("ours_rel2id.json", "rel2id.json")

_JSON = re.compile(r'\s*\{\s*"')
"""How a row begins that is JSON, and not what Python writes."""

TEXT_FOLDERS = ("txt", "mnre_txt", ".")
# The data set's own repository has a file `mnre_val .txt`, with that space.
_SPELLINGS = {"train": ("train", "train "), "val": ("val", "val ", "dev", "dev "), "test": ("test", "test ")}


def find_mnre_files(root: Path) -> dict[str, Path]:
    """Find the text file of each split: `txt/ours_train.txt`, `mnre_txt/mnre_val .txt`, ...

    Returns:
        Split -> file, in the order train, val, test; empty if this is no such folder.

    Raises:
        UserError: A split has more than one file.
    """
    found: dict[str, Path] = {}
    for split in SPLITS:
        files = [
            file
            for folder in TEXT_FOLDERS
            for prefix in ("ours", "mnre")
            for spelling in _SPELLINGS[split]
            for end in ("", ".gz")
            if (file := root / folder / f"{prefix}_{spelling}.txt{end}").is_file()
        ]
        if len(files) > 1:
            two = f"{files[0]} and {files[1]}"
            raise UserError(f"{root}: two files for the split {split}: {two}", "Keep one of them in the folder.")
        if files:
            found[split] = files[0]
    return found


def read_mnre_split(path: Path, split: str, log: FaultLog, relations: frozenset[str] | None) -> list[Post]:
    """Read one split; rows get the ids `split:line`, and their faults go to `log`; None allows any relation."""
    folders = (split, *(other for other in SPLITS if other != split))
    posts = []
    for number, row in read_objects(path, log, empty="holds no row", parse=parse_row):
        with log.at(path, number):
            posts.append(_post_of_row(row, f"{split}:{number}", folders, relations))
    return posts


def _post_of_row(
    row: Mapping[str, object], post_id: str, folders: tuple[str, ...], relations: frozenset[str] | None
) -> Post:
    tokens = token_field(_required_key(row, "token"), "token")
    head = _mention(row, "h", tokens)
    tail = _mention(row, "t", tokens)
    check_pair(head, tail)
    image = _image(row)
    return Post(
        id=post_id,
        tokens=tokens,
        head=head,
        tail=tail,
        image_ids=() if image is None else tuple(f"{folder}/{image}" for folder in folders),
        relation=relation_field(row.get("relation"), relations),
    )


def parse_row(line: str) -> object:
    """Parse a line: a Python literal, or JSON, which many tools write in its place.

    Raises:
        RowError: It is neither.
    """
    of_json = ""
    if _JSON.match(line):
        try:
            return parse_json(line)
        except RowError as error:
            if error.kind == NOT_ALLOWED:
                raise
            of_json = f" ({str(error).removeprefix('not JSON: ')})"
    # literal_eval builds constants only; a hostile line may exhaust its stack or memory, which it reports.
    try:
        return ast.literal_eval(line.strip())
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
        what = f"not a Python literal ({type(error).__name__}), nor JSON{of_json}"
        raise RowError(f"{what}: {show_value(line)}", "not a literal") from None


def _required_key(row: Mapping[str, object], key: str) -> object:
    if key not in row:
        raise RowError(f"has no key '{key}'", "missing key")
    return row[key]


def _mention(row: Mapping[str, object], key: str, tokens: tuple[str, ...]) -> Mention:
    mention = mapping_field(_required_key(row, key), key)
    for inner in ("name", "pos"):
        if inner not in mention:
            raise RowError(f"{key} has no key '{inner}'", "missing key")
    name = text_field(mention["name"], f"{key} name")
    return mention_of_words(tokens, span_field(mention["pos"], f"{key} pos", len(tokens)), name, mention, key)


def _image(row: Mapping[str, object]) -> str | None:
    # The data set's README says image_id, its files say img_id.
    given = {key: image_field(row[key], key) for key in ("img_id", "image_id") if key in row}
    if not given:
        raise RowError("has no key 'img_id' (nor 'image_id')", "missing key")
    if len(set(given.values())) > 1:
        raise RowError(f"img_id and image_id differ: {show_value(given)}", "photo name")
    return next(iter(given.values()))
