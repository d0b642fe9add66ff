"""Which relations a data set has, and in which order, from its JSON file."""

import json
from collections.abc import Sequence
from pathlib import Path

from dgf.pipeline.errors import UserError
from dgf.pipeline.text_files import read_whole

NONE = "None"
"""The label by which MNRE means "no relation"."""

_NEGATIVE = (NONE, "na", "n/a", "no_relation", "norelation", "no relation", "no-relation", "other")
"""What data sets call it, in the order of choice where one has several of them; case does not matter."""

_MAX_CHARACTERS = 1 << 22

_IDS_FORM = 'It must map every relation to its id: {"None": 0, "/per/org/member_of": 1, ...}, ids 0, 1, 2, ... once.'


def read_relations(path: Path) -> tuple[str, ...]:
    """Read a JSON file of relation name -> id, as MNRE's `ours_rel2id.json`, or a JSON list of names.

    Returns:
        The names in id order.

    Raises:
        UserError: The file is missing, is not such JSON, or has ids that are repeated or leave gaps; all
            faults together.
    """
    try:
        pairs = json.loads(read_whole(path, _MAX_CHARACTERS), object_pairs_hook=list)
    except (ValueError, RecursionError) as error:
        reason = (
            f"{error.msg} in line {error.lineno}" if isinstance(error, json.JSONDecodeError) else "too deep or long"
        )
        raise UserError(f"{path}: not JSON: {reason}", _IDS_FORM) from None
    if isinstance(pairs, list) and pairs and all(isinstance(item, str) for item in pairs):
        pairs = [(name, index) for index, name in enumerate(pairs)]
    if not (isinstance(pairs, list) and pairs and all(isinstance(item, tuple) for item in pairs)):
        raise UserError(f"{path}: holds no relations", _IDS_FORM)
    names: dict[int, str] = {}
    faults = []
    for name, number in pairs:
        if type(number) is not int or number < 0:
            faults.append(f"relation {name!r} has the id {number!r}, not a whole number from 0 up")
        elif number in names:
            faults.append(f"relations {names[number]!r} and {name!r} share the id {number}")
        else:
            names[number] = name
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            faults.append(f"relation {name!r} appears twice")
        if not name.strip():
            faults.append("a relation has an empty name")
        if name.encode(errors="replace").decode() != name:
            faults.append(f"relation {name!a} holds half a surrogate pair")
        seen.add(name)
    # Gaps are looked for below the number of relations alone: one id of a billion is one gap, not a billion.
    gaps = [str(number) for number in range(len(names)) if number not in names]
    if gaps and not faults:
        faults.append(f"the ids leave gaps: {', '.join(gaps[:10])} missing of 0 to {max(names)}")
    if faults:
        raise UserError("\n  ".join([f"{path}: {len(faults)} fault(s):", *faults]), _IDS_FORM)
    return tuple(names[number] for number in range(len(names)))


def find_negative(relations: Sequence[str], named: str | None = None) -> str | None:
    """Find the label that means "no relation", which the field's precision, recall and F1 leave out.

    Args:
        relations: Of the data set.
        named: The user's choice, the empty string for none; None looks for a customary name.

    Returns:
        The label, None where every relation counts.

    Raises:
        UserError: The chosen one is not among the relations.
    """
    if named and named not in relations:
        named = next((name for name in relations if name.casefold() == named.casefold()), named)
    if named and named not in relations:
        shown = ", ".join(relations[:10]) + (", ..." if len(relations) > 10 else "")
        raise UserError(f"negative label {named!r}: no relation is called so", f"The relations are: {shown}.")
    if named is not None:
        return named or None
    order = {name.casefold(): rank for rank, name in enumerate(_NEGATIVE)}
    found = [name for name in relations if name.casefold() in order]
    return min(found, key=lambda name: order[name.casefold()], default=None)
