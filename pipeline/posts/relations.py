"""Which relations a data set has, and in which order, from its JSON file."""

import json
from pathlib import Path

from dgf.pipeline.errors import UserError

NONE = "None"
"""The label by which MNRE and this project mean "no relation"."""

MAX_FILE_BYTES = 1 << 22

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
        if path.stat().st_size > MAX_FILE_BYTES:
            raise UserError(f"{path}: larger than {MAX_FILE_BYTES} bytes, so it is not a list of relations", _IDS_FORM)
        pairs = json.loads(path.read_text(encoding="utf-8-sig"), object_pairs_hook=list)
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}", "Check the path of the relations.") from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: not JSON: {error}", _IDS_FORM) from None
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
        seen.add(name)
    # Gaps are looked for below the number of relations alone: one id of a billion is one gap, not a billion.
    gaps = [str(number) for number in range(len(names)) if number not in names]
    if gaps and not faults:
        faults.append(f"the ids leave gaps: {', '.join(gaps[:10])} missing of 0 to {max(names)}")
    if faults:
        raise UserError("\n  ".join([f"{path}: {len(faults)} fault(s):", *faults]), _IDS_FORM)
    return tuple(names[number] for number in range(len(names)))
