"""`dgf validate`: what a data set holds, and every fault in it."""

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from dgf.cli.options import echo_json, examples, options_of
from dgf.workflows.validation.settings import ValidateSettings

if TYPE_CHECKING:
    from dgf.workflows.validation.run import Validation


_SHOWN_PHOTOS = 20

_LABELS = {
    "rows": "rows",
    "sentences": "distinct sentences",
    "with_image": "rows with a photo",
    "without_image": "rows without a photo",
    "images": "distinct photos named",
    "images_found": "photos found",
    "overlapping": "mentions overlap (nested)",
    "tail_first": "tail before head",
    "entity_at_end": "mention at sentence end",
    "disagreeing": "same pair, different labels",
}


@click.command(
    epilog=examples(
        "dgf validate data/mnre",
        "dgf validate posts.jsonl --photos pixels",
        "dgf validate posts.csv --layout table",
        "dgf validate data/mnre --json > facts.json",
        "dgf validate posts.jsonl --fix repaired/posts.jsonl",
        note="Columns of CSV and TSV: id, split, text, tokens, image, relation, head (its words), head_start,\n"
        "head_end, head_type, tail, tail_start, tail_end, tail_type; docs/data-sets.md shows every layout.",
    )
)
@options_of(ValidateSettings)
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@click.pass_context
def validate_command(ctx: click.Context, /, as_json: bool, **given: Any) -> None:
    """Show what is in DATA: rows, photos, relations, quirks, and every fault with its file and line.

    Exit code 0: nothing to fix. 1: rows at fault. 3: rows left out (--on-error skip), or photos missing or broken.
    """
    from tqdm import tqdm

    from dgf.pipeline.errors import UserError
    from dgf.workflows.validation.run import validate

    try:
        with tqdm(desc="photos", unit=" photos", file=sys.stderr, mininterval=0.5, leave=False) as bar:
            found = validate(ValidateSettings(**given), on_photo=lambda: bar.update(1))
    except UserError as error:
        if as_json:
            fault = {"file": str(given["data"]), "line": None, "kind": "file", "fault": error.message}
            echo_json({"data": str(given["data"]), "faults": [fault], "fault_kinds": {"file": 1}}, indent=1)
        raise
    if as_json:
        echo_json(found.to_json(), indent=1)
    else:
        click.echo(validation_table(found))
    ctx.exit(found.exit_code)


def validation_table(found: "Validation") -> str:
    """Format what the terminal shows: counts by split, every fault by kind, and the first photos that are missing."""
    parts = (_count_lines, _label_lines, _note_lines, _photo_lines, _warning_lines, _fault_lines, _repair_lines)
    return "\n".join([f"{found.data} (layout {found.layout})", "", *(line for part in parts for line in part(found))])


def _count_lines(found: "Validation") -> Iterator[str]:
    splits = list(found.splits.values())
    rows = [(label, [getattr(facts, name) for facts in splits]) for name, label in _LABELS.items()]
    names = list(dict.fromkeys(name for facts in splits for name in facts.relations))
    relations = [(f"  {name}", [facts.relations.get(name, 0) for facts in splits]) for name in names]
    rows += sorted(relations, key=lambda row: -sum(row[1]))
    width = max(len(label) for label, _ in rows)
    widths = [max(len(split), 7) for split in found.splits]
    for label, cells in [("", list(found.splits)), *rows]:
        yield f"{label:<{width}}" + "".join(f"  {cell!s:>{size}}" for cell, size in zip(cells, widths, strict=True))
    for one, other, count in found.shared_sentences:
        yield f"{one} and {other} share {count} sentences"


def _label_lines(found: "Validation") -> Iterator[str]:
    if found.labeled:
        means = (
            f"the relation {found.negative!r} means that there is none" if found.negative else "every relation counts"
        )
        yield f"{means}; relations are those of {found.relations_file or 'the rows'}"


def _note_lines(found: "Validation") -> Iterator[str]:
    yield from (f"note: {note}" for note in found.notes)


def _photo_lines(found: "Validation") -> Iterator[str]:
    if found.bad_photos:
        yield from ("", f"{len(found.bad_photos)} photos are missing or broken:")
    for photo in found.bad_photos[:_SHOWN_PHOTOS]:
        more = f" and {len(photo.posts) - 3} more" if len(photo.posts) > 3 else ""
        yield f"  {photo.image_id!r}: {photo.reason} (posts {', '.join(photo.posts[:3])}{more})"
    if len(found.bad_photos) > _SHOWN_PHOTOS:
        yield f"  ... and {len(found.bad_photos) - _SHOWN_PHOTOS} more; --json lists all"
    if found.searched:
        yield f"  looked for in {found.searched}"


def _warning_lines(found: "Validation") -> Iterator[str]:
    if found.warnings:
        yield from ("", f"{len(found.warnings)} warnings, of what may not mean what it says:")
    yield from (f"  {warning}" for warning in found.warnings)


def _fault_lines(found: "Validation") -> Iterator[str]:
    if found.faults:
        what = "left out" if found.on_error == "skip" else "each stops a run, unless it is given --on-error skip"
        kinds = ", ".join(f"{kind} {count}" for kind, count in found.kinds.items())
        yield from ("", f"{len(found.faults)} fault{'s' * (len(found.faults) > 1)} ({what}); by kind: {kinds}")
    yield from (f"  {fault}" for fault in found.faults)


def _repair_lines(found: "Validation") -> Iterator[str]:
    if (repair := found.repair) is not None:
        counts = f"{repair.rows} rows, {repair.photos} photos (linked where that can be), {len(repair.changes)} changes"
        yield from ("", f"repaired copy in {repair.out}: {counts}")
        yield from (f"  {change}" for change in repair.changes)
