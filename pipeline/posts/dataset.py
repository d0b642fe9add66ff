"""Read a data set, whichever of the known layouts it has."""

from pathlib import Path

from dgf.pipeline.errors import UserError
from dgf.pipeline.lines import FaultLog, OnError
from dgf.pipeline.posts.base import Dataset, Post
from dgf.pipeline.posts.jsonl import read_jsonl, split_of_file
from dgf.pipeline.posts.mnre import IMAGE_FOLDER, RELATION_FILES, SPLITS, find_mnre_files, read_mnre_split
from dgf.pipeline.posts.relations import NONE, read_relations

_RELATION_LISTS = ("relations.json", *RELATION_FILES)
_LAYOUTS = (
    "Give a folder with txt/ours_{train,val,test}.txt (MNRE), a folder with {train,val,test}.jsonl, or one .jsonl file."
)
_FIX_ROWS = "Fix these rows, or leave them out with --on-error skip (`dgf validate` lists all of them)."


def read_dataset(path: Path, *, on_error: OnError = "stop", relations: Path | None = None) -> Dataset:
    """Read every split of a data set.

    Args:
        path: A folder in the MNRE layout, a folder of `{train,val,test}.jsonl`, or one JSONL file, which is
            one split, named like the file.
        on_error: `stop` raises if any row is at fault; `skip` leaves such rows out and lists them in
            `Dataset.faults`.
        relations: JSON file of relation name -> id. Without it, `ours_rel2id.json`, `rel2id.json` or
            `relations.json` beside the data is read if it is there; else the relations are those of the
            rows, "None" first.

    Returns:
        The data set. Photos are named, not looked for.

    Raises:
        UserError: The path is not a data set, a file cannot be read, or (`stop`) rows are at fault.
    """
    if not path.exists():
        raise UserError(f"{path}: no such file or folder", _LAYOUTS)
    files, layout = _find(path)
    folder = path if path.is_dir() else path.parent
    known = read_relations(relations) if relations else _relations_beside(folder)
    allowed = None if known is None else frozenset(known)
    log = FaultLog(path)
    splits: dict[str, list[Post]] = {}
    ids: set[str] = set()
    for split, file in files.items():
        if layout == "mnre":
            splits[split] = read_mnre_split(file, split, log, allowed)
        else:
            for name, posts in read_jsonl(file, log, allowed, ids, fixed_split=path.is_dir()).items():
                splits.setdefault(name, []).extend(posts)
    faults = log.finish(on_error, _FIX_ROWS)
    if not any(splits.values()):
        raise UserError(
            f"{path}: not one row can be used ({len(faults)} fault(s); the first: {faults[0]})",
            "`dgf validate` lists every fault.",
        )
    found = {post.relation for posts in splits.values() for post in posts if post.relation is not None}
    return Dataset(
        root=path,
        image_root=folder / IMAGE_FOLDER if layout == "mnre" else folder,
        splits={split: tuple(posts) for split, posts in splits.items()},
        relations=known or (*sorted(found & {NONE}), *sorted(found - {NONE})),
        faults=faults,
    )


def _find(path: Path) -> tuple[dict[str, Path], str]:
    """The file of each split, and the layout: mnre or jsonl."""
    if path.is_file():
        split = split_of_file(path)
        if split is None:
            raise UserError(f"{path}: not a .jsonl file", _LAYOUTS)
        return {split: path}, "jsonl"
    if not path.is_dir():
        raise UserError(f"{path}: neither a file nor a folder", _LAYOUTS)
    text = find_mnre_files(path)
    lines: dict[str, Path] = {}
    for file in sorted(path.iterdir()):
        split = split_of_file(file)
        if split in SPLITS and file.is_file():
            if split in lines:
                fault = f"two .jsonl files for the split {split}: {lines[split].name} and {file.name}"
                raise UserError(f"{path}: {fault}", "Keep one of them in the folder.")
            lines[split] = file
    if text and lines:
        raise UserError(f"{path}: holds both {next(iter(text.values()))} and {next(iter(lines.values()))}", _LAYOUTS)
    if not text and not lines:
        raise UserError(f"{path}: no posts found in this folder", _LAYOUTS)
    return (text, "mnre") if text else ({split: lines[split] for split in SPLITS if split in lines}, "jsonl")


def _relations_beside(folder: Path) -> tuple[str, ...] | None:
    found = [folder / name for name in _RELATION_LISTS if (folder / name).is_file()]
    if len(found) > 1:
        raise UserError(
            f"{folder}: more than one list of relations: {', '.join(file.name for file in found)}",
            "Keep one of them, or name one with --relations.",
        )
    return read_relations(found[0]) if found else None
