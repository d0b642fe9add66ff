"""SPACE.yaml: the keys that trials vary, each with a list of values or a range with a step; and lists of seeds."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from dgf.pipeline.errors import UserError
from dgf.pipeline.text_files import read_whole
from dgf.pipeline.yaml_values import load_yaml

MOST_VALUES = 1000
"""Of one key."""

_MAX_CHARACTERS = 1 << 16
_FORM = "a list of values, or a range such as {from: 1e-4, to: 5e-4, step: 1e-4}"
_NOT_HERE = {
    "seed": "is not varied: name seeds with --seeds",
    "data.path": "is not varied: figures on other data do not compare",
}

Space = Mapping[str, tuple[Any, ...]]
"""Values of each key."""


def read_space(file: Path) -> tuple[Space, list[str]]:
    """Read a space, and say every fault in it (`key: fault`).

    Raises:
        UserError: The file cannot be read, or holds no keys.
    """
    try:
        content = load_yaml(read_whole(file, _MAX_CHARACTERS))
    except ValueError as error:
        raise UserError(f"{file}: not YAML: {error}") from error
    if not isinstance(content, dict) or not content or not all(isinstance(key, str) for key in content):
        raise UserError(f"{file}: must hold keys, each with {_FORM}", "Such as `model.dropout: [0.1, 0.3]`.")
    space: dict[str, tuple[Any, ...]] = {}
    faults = []
    for key, given in content.items():
        try:
            if key in _NOT_HERE:
                raise ValueError(_NOT_HERE[key])
            space[key] = _values(given)
        except ValueError as fault:
            faults.append(f"{key}: {fault}")
    return space, faults


def parse_seeds(text: str, words: Sequence[str] = ()) -> tuple[int, ...]:
    """Read different seeds, such as `0,1,2`; `words` are the keys given beside them.

    Raises:
        UserError: It is not that, or a word names a seed too.
    """
    if twice := next((word for word in words if word.startswith("seed=")), None):
        raise UserError(f"{twice}: --seeds names the seeds already", "Leave one of them out.")
    numbers = [number.strip() for number in text.split(",")]
    if not all(number.isascii() and number.isdigit() and int(number) < 2**31 for number in numbers):
        raise UserError(f"--seeds {text}: must be whole numbers from 0 to {2**31 - 1}, such as 0,1,2")
    seeds = tuple(map(int, numbers))
    if len(set(seeds)) < len(seeds):
        raise UserError(f"--seeds {text}: a seed appears twice")
    return seeds


def _values(given: object) -> tuple[Any, ...]:
    """The values that a list or a range stands for; raise ValueError where it is neither."""
    if isinstance(given, dict):
        return _range(given)
    if not isinstance(given, list):
        raise ValueError(f"must be {_FORM}, not {given!r}")
    if not given:
        raise ValueError("an empty list")
    if len(given) > MOST_VALUES:
        raise ValueError(f"more than {MOST_VALUES} values")
    doubled = [value for i, value in enumerate(given) if any(_same(value, other) for other in given[:i])]
    if doubled:
        raise ValueError(f"{doubled[0]!r} appears twice")
    return tuple(given)


def _same(one: object, other: object) -> bool:
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def _range(given: Mapping[Any, object]) -> tuple[float, ...]:
    """The values from one number to another, both included, in decimal steps."""
    if given.keys() != {"from", "to", "step"}:
        raise ValueError(f"a range has from, to and step, not {', '.join(map(str, given))}")
    numbers: Sequence[object] = [given[name] for name in ("from", "to", "step")]
    if not all(type(number) in (int, float) for number in numbers):
        raise ValueError("from, to and step must be numbers")
    first, last, step = (Decimal(repr(number)) for number in numbers)
    if not (first.is_finite() and last.is_finite() and step.is_finite() and step > 0 and last >= first):
        raise ValueError("a range goes up: from at most to, and step above 0")
    count = int((last - first) / step) + 1
    if count > MOST_VALUES:
        raise ValueError(f"more than {MOST_VALUES} values")
    whole = all(type(number) is int for number in numbers)
    return tuple(int(value) if whole else float(value) for value in (first + i * step for i in range(count)))
