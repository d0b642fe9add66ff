"""Mutators of JSON, YAML and Python literals: one value replaced, keys doubled, removed or renamed, levels added."""

import ast
import json
from collections.abc import Callable
from random import Random
from typing import Any

import yaml

HUGE, DEEP, DEEPER = "@huge@", "@deep@", "@deeper@"
"""Stand for text that no serializer writes: a number of 5,000 digits, and lists in lists."""

MOST_PLACES = 2000

VALUES: tuple[Any, ...] = (None, True, False, 0, 1, -1, 2, 3, 7, 0.5, -0.0, 1e308, 1 << 31, 1 << 63, -(1 << 70))
VALUES += (
    10**400,
    float("nan"),
    float("inf"),
    "",
    " ",
    "a",
    "None",
    "null",
    "0",
    "é" * 9,
    "\ud800",
    "\0",
    "x" * 70_000,
)
VALUES += ([], {}, [None], [[]], [0, 0], [1, 0], [-1, 1], [0, 1 << 70], ["a", 1], {"": None}, {"a": {"b": []}}, "../..")
VALUES += (HUGE, HUGE, DEEP, DEEPER, "random", "gpt2", "/dev/null", "\n", "float16", "torch.float16", ["", ""], 1e-320)


def mutate_json(rng: Random, data: bytes) -> bytes:
    return _written(json.dumps(change(rng, json.loads(data)), ensure_ascii=rng.random() < 0.5))


def mutate_json_line(rng: Random, data: bytes) -> bytes:
    return _in_line(rng, data, mutate_json)


def mutate_literal_line(rng: Random, data: bytes) -> bytes:
    def mutate(rng: Random, line: bytes) -> bytes:
        changed = change(rng, ast.literal_eval(line.decode()), (*VALUES, (), (1,), b"x", {1}, 1j, ...))
        return _written(repr(changed).replace("nan", "1e999").replace("inf", "1e999"))

    return _in_line(rng, data, mutate)


def mutate_yaml(rng: Random, data: bytes) -> bytes:
    changed = change(rng, yaml.safe_load(data))
    return _written(yaml.safe_dump(changed, sort_keys=False, allow_unicode=True, default_flow_style=rng.random() < 0.3))


def _in_line(rng: Random, data: bytes, mutate: Callable[[Random, bytes], bytes]) -> bytes:
    lines = data.splitlines()
    chosen = rng.randrange(len(lines))
    lines[chosen] = mutate(rng, lines[chosen])
    return b"\n".join(lines) + b"\n"


def _written(text: str) -> bytes:
    """A doubled key begins with a NUL, which is taken away here."""
    text = text.replace("\\u0000@", "").replace("\\x00@", "").replace('"\\0@', '"')
    for quote in ('"', "'", ""):
        text = text.replace(f"{quote}{HUGE}{quote}", "9" * 5000)
        text = text.replace(f"{quote}{DEEP}{quote}", "[" * 400 + "]" * 400)
        text = text.replace(f"{quote}{DEEPER}{quote}", "[" * 30_000 + "]" * 30_000)
    return text.encode("utf-8", "surrogatepass")


def change(rng: Random, root: Any, values: tuple[Any, ...] = VALUES) -> Any:
    """Change one place of a value, any depth with equal chance for each place."""
    holder = [root]
    places: list[tuple[Any, Any]] = []
    waiting: list[tuple[Any, Any]] = [(holder, 0)]
    while waiting and len(places) < MOST_PLACES:  # YAML's aliases make values that hold themselves
        parent, key = waiting.pop()
        places.append((parent, key))
        node = parent[key]
        if isinstance(node, tuple):
            node = parent[key] = list(node)
        if isinstance(node, dict):
            waiting += [(node, inner) for inner in node]
        elif isinstance(node, list):
            waiting += [(node, inner) for inner in range(min(len(node), 50))]
    parent, key = rng.choice(places)
    rng.choice(_CHANGES)(rng, parent, key, values)
    return holder[0]


def _replace(rng: Random, parent: Any, key: Any, values: tuple[Any, ...]) -> None:
    parent[key] = rng.choice(values)


def _near(rng: Random, parent: Any, key: Any, values: tuple[Any, ...]) -> None:
    """A value of the same kind, a little off."""
    match parent[key]:
        case bool():
            parent[key] = not parent[key]
        case int() | float():
            parent[key] = rng.choice(
                (parent[key] + 1, parent[key] - 1, -parent[key], parent[key] * 1000, parent[key] + 0.5)
            )
        case str():
            parent[key] = rng.choice((parent[key] + "x", parent[key][:-1], parent[key].upper(), f" {parent[key]} "))
        case list():
            parent[key] = rng.choice((parent[key][::-1], parent[key] * 2, parent[key][:-1]))
        case _:
            _replace(rng, parent, key, values)


def _remove(rng: Random, parent: Any, key: Any, values: tuple[Any, ...]) -> None:
    if len(parent) > 1 or isinstance(parent, dict):
        del parent[key]
    else:
        _replace(rng, parent, key, values)


def _double(rng: Random, parent: Any, key: Any, values: tuple[Any, ...]) -> None:
    if isinstance(parent, dict):
        parent[f"\0@{key}"] = rng.choice((parent[key], rng.choice(values)))
    else:
        parent.insert(key, parent[key])


def _rename(rng: Random, parent: Any, key: Any, values: tuple[Any, ...]) -> None:
    if isinstance(parent, dict):
        parent[rng.choice(("", "x", f"{key}_", str(key).upper(), "\ud800", "__class__"))] = parent.pop(key)
    else:
        _replace(rng, parent, key, values)


def _wrap(rng: Random, parent: Any, key: Any, values: tuple[Any, ...]) -> None:
    parent[key] = rng.choice(([parent[key]], {"a": parent[key]}, [[parent[key]]], str(parent[key])))


def _swap(rng: Random, parent: Any, key: Any, values: tuple[Any, ...]) -> None:
    other = rng.choice(list(parent) if isinstance(parent, dict) else range(len(parent)))
    parent[key], parent[other] = parent[other], parent[key]


_CHANGES = (_replace, _replace, _replace, _near, _near, _remove, _double, _rename, _wrap, _swap)
