"""YAML as people mean it: `off` is a word, `010` is ten, `1e-3` is a number, and no key stands twice."""

import re
from typing import Any

import yaml

_MAX_DEPTH = 32
"""Of sections in one another."""


class PlainLoader(yaml.SafeLoader):
    """The core schema of YAML 1.2: what is neither a decimal number, true, false nor null is text."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, Any]]] = {}  # noqa: RUF012

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Refuse a key that stands twice: one of its values would be lost."""
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        if doubled := sorted({key for key in keys if keys.count(key) > 1}):
            raise yaml.YAMLError(f"the key {doubled[0]!r} appears twice")
        return super().construct_mapping(node, deep=deep)


class PlainDumper(yaml.SafeDumper):
    """Quotes text that `PlainLoader` or a reader of YAML 1.1 would take for something else."""


_REAL = r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
_WORDS = (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+", list("-+0123456789")),
    ("float", _REAL, list("-+0123456789.")),
)
for _tag, _pattern, _first in _WORDS:
    for _side in (PlainLoader, PlainDumper):
        _side.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})$"), _first)
PlainLoader.add_constructor("tag:yaml.org,2002:int", lambda _, node: int(node.value))


def check_structure(text: str) -> None:
    """Refuse aliases, with which a line of text can stand for gigabytes, and nesting without end.

    Raises:
        yaml.YAMLError: It has them, or is not YAML.
    """
    depth = 0
    for event in yaml.parse(text, yaml.SafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if isinstance(event, yaml.AliasEvent):
            raise yaml.YAMLError("aliases (*name) are not read: write the value out")
        if depth > _MAX_DEPTH:
            raise yaml.YAMLError(f"nested more than {_MAX_DEPTH} deep")


def load_yaml(text: str) -> Any:
    """Read one YAML value.

    Raises:
        ValueError: It is not YAML that is read here; the reason is one line.
    """
    try:
        check_structure(text)
        return PlainLoader(text).get_single_data()
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from error
    except (ValueError, TypeError, RecursionError, OverflowError) as error:
        raise ValueError(f"{type(error).__name__}") from error


def dump_yaml(value: Any) -> str:
    """Write plain values as YAML that `load_yaml` reads as the same."""
    text: str = yaml.dump(value, Dumper=PlainDumper, sort_keys=False, allow_unicode=False)
    return text
