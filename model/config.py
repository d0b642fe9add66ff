"""What every model's configuration says of it, and how plain values become one, with all faults told together."""

import difflib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, is_dataclass
from functools import cache
from typing import Annotated, Any, Literal, Protocol, TypeVar, get_type_hints

from pydantic import BeforeValidator, Strict, TypeAdapter, ValidationError

from dgf.model.errors import ModelError


def _from_text(value: object) -> object:
    """Take text for the number it spells: YAML 1.1 has `3e-5`, without a dot, as text."""
    with suppress(ValueError):
        return float(value) if isinstance(value, str) else value
    return value


def _from_word(value: object) -> object:
    """Take on, off, yes and no for what they mean: here they are words, in YAML 1.1 they were true and false."""
    return _SWITCHES.get(value.casefold(), value) if isinstance(value, str) else value


def _from_none(value: object) -> object:
    """Take the word none for null."""
    return None if isinstance(value, str) and value.casefold() == "none" else value


_SWITCHES = {"on": True, "yes": True, "off": False, "no": False}

Flag = Annotated[bool, Strict(), BeforeValidator(_from_word)]
"""True or false, and not 1."""
OrNone = BeforeValidator(_from_none)
"""Lets the word none mean null."""
Whole = Annotated[int, Strict()]
"""An integer, and not 1.0 or true."""
Number = Annotated[float, Strict(), BeforeValidator(_from_text)]
"""A number, and not true."""

EntityTypes = Literal["predicted", "file", "none", "gold"]


Markers = Literal["none", "nested", "doubled", "open-ended"]
"""How marker tokens stand around the mentions, of which each system has its own rule.

`none`, no marker at all; `nested`, around both, the longer outside; `doubled`, one stretch after the other, so that
words of both mentions are written twice (OpenNRE, MEGA); `open-ended`, nested, without a closing marker at the
sentence's end (HVPNeT).
"""


@dataclass(frozen=True, slots=True)
class Reads:
    """What a model reads of a post beside its words.

    Args:
        objects: Whether it reads the detected objects.
        image: Which output of VGG16 it reads, or the `pyramid` of ResNet-50 over the photo and its best object crops;
            None for none of them.
        captions: Whether it reads the photo's caption.
        markers: How marker tokens stand around the mentions.
        entity_types: Where its entity types come from; only `file` and `gold` hand it any.
        alignment: How it reads the structural weights of tokens and objects, which stands beside its figures; None
            where it reads none.
        word_vectors: Whether it reads nothing of the language model but its word vectors, so that these alone do.
        boxes: Whether it reads a mention that is an object of the photo, not words.
    """

    objects: bool = False
    image: Literal["blocks", "fc7", "pyramid"] | None = None
    captions: bool = False
    markers: Markers = "none"
    entity_types: EntityTypes = "none"
    alignment: Literal["transposed", "as-published"] | None = None
    word_vectors: bool = False
    boxes: bool = False


class RelationConfig(Protocol):
    """The configuration of a model: a frozen dataclass whose fields are its keys, `name` the first of them."""

    @property
    def seed(self) -> int:
        """Seed of the new weights."""

    @property
    def protocol(self) -> str | None:
        """What must stand beside every figure of this configuration, such as that it leaks the label."""

    @property
    def reads(self) -> Reads:
        """What batches must bring."""


Config = TypeVar("Config")


def check_values(config: type[Config], values: object, section: str = "") -> tuple[Config | None, list[str]]:
    """Make a configuration of plain values, or say everything that is wrong with them.

    Args:
        config: A dataclass whose annotations say what its keys may be; its fields may be such dataclasses.
        values: Keys and values, such as a YAML or JSON file has.
        section: What stands before each key in a fault, such as `model.`.

    Returns:
        The configuration (None where a value does not serve) and the faults, one line each.
    """
    if not isinstance(values, Mapping):
        return None, [f"{section.rstrip('.') or 'configuration'}: {values!r} does not hold keys and values"]
    known, faults = _split_off_unknown(config, values, section)
    try:
        kind: Any = config
        checked: Config = _validator(kind).validate_python(known)
        return checked, faults
    except ValidationError as error:
        wrong = error.errors(include_url=False)
        return None, faults + [f"{section}{'.'.join(map(str, each['loc']))}: {_describe(each)}" for each in wrong]


@cache
def _validator(config: type) -> TypeAdapter[Any]:
    """Of a dataclass; making one takes a hundred times as long as using it, and a sweep checks thousands of values."""
    return TypeAdapter(config)


def accept(config: Config | None, faults: list[str]) -> Config:
    """Return what `check_values` made; raise a ModelError that names every fault if there are any."""
    if faults or config is None:
        raise ModelError("\n  ".join(["the configuration of the network cannot be used:", *faults]))
    return config


def plain_values(config: Any) -> dict[str, Any]:
    """Return the keys and values of a configuration, ready for YAML or JSON."""
    values: dict[str, Any] = _plain(asdict(config))
    return values


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, tuple | list) else value


def _split_off_unknown(config: type, values: Mapping[Any, Any], section: str) -> tuple[dict[str, Any], list[str]]:
    """Keep the keys that the dataclass has; of each other one, say which was likely meant."""
    hints = get_type_hints(config)
    names = sorted(field.name for field in fields(config))
    known: dict[str, Any] = {}
    faults: list[str] = []
    for key, value in values.items():
        if key not in names:
            near = difflib.get_close_matches(str(key), names, n=1)
            told = f"unknown key; did you mean {section}{near[0]}?" if near else "there is no such key"
            faults.append(f"{section}{key}: {told}" + ("" if near else f"; keys here: {', '.join(names)}"))
        elif is_dataclass(hints[key]) and isinstance(value, Mapping):
            known[key], inner = _split_off_unknown(hints[key], value, f"{section}{key}.")
            faults += inner
        else:
            known[key] = value
    return known, faults


def _describe(error: Mapping[str, Any]) -> str:
    given, message = error["input"], " ".join(str(error["msg"]).split())
    if error["type"] == "literal_error":
        return f"{given!r} is none of: {error['ctx']['expected'].replace(' or ', ', ').replace(chr(39), '')}"
    if error["type"] == "value_error":
        return message.removeprefix("Value error, ")
    return f"{message} (given: {given!r})" if isinstance(given, str | int | float | bool) else message
