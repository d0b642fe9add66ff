"""The layout that MNRE, MEGA and HVPNeT users have: one Python literal per line, photos by split."""

import ast
from collections.abc import Mapping
from pathlib import Path

from dgf.pipeline.errors import UserError
from dgf.pipeline.lines import FaultLog, RowError, read_lines, show_value
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

_TEXT_FOLDERS = ("txt", "mnre_txt", ".")
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
            for folder in _TEXT_FOLDERS
            for prefix in ("ours", "mnre")
            for spelling in _SPELLINGS[split]
            if (file := root / folder / f"{prefix}_{spelling}.txt").is_file()
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
    for number, line in read_lines(path, log, empty="holds no row"):
        with log.at(path, number):
            posts.append(_post_of_literal(_literal(line), f"{split}:{number}", folders, relations))
    return posts


def _post_of_literal(
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


def _literal(line: str) -> Mapping[str, object]:
    # literal_eval builds constants only; a hostile line may exhaust its stack or memory, which it reports.
    try:
        row = ast.literal_eval(line.strip())
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
        raise RowError(f"not a Python literal ({type(error).__name__}): {show_value(line)}") from None
    if not isinstance(row, dict):
        raise RowError(f"not a dictionary: {show_value(line)}")
    return row


def _required_key(row: Mapping[str, object], key: str) -> object:
    if key not in row:
        raise RowError(f"has no key '{key}'")
    return row[key]


def _mention(row: Mapping[str, object], key: str, tokens: tuple[str, ...]) -> Mention:
    mention = mapping_field(_required_key(row, key), key)
    for inner in ("name", "pos"):
        if inner not in mention:
            raise RowError(f"{key} has no key '{inner}'")
    name = text_field(mention["name"], f"{key} name")
    return mention_of_words(tokens, span_field(mention["pos"], f"{key} pos", len(tokens)), name, mention, key)


def _image(row: Mapping[str, object]) -> str | None:
    # The data set's README says image_id, its files say img_id.
    given = {key: image_field(row[key], key) for key in ("img_id", "image_id") if key in row}
    if not given:
        raise RowError("has no key 'img_id' (nor 'image_id')")
    if len(set(given.values())) > 1:
        raise RowError(f"img_id and image_id differ: {show_value(given)}")
    return next(iter(given.values()))
