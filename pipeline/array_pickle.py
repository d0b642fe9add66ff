"""Reads detectron2's `.pkl` of named arrays as data: nothing is unpickled.

A pickle is a program. This reads its instructions one by one and follows only those that build dictionaries,
lists, text, numbers and plain numpy arrays; any other instruction or name ends the reading. No name in the file
is ever looked up, imported or called.
"""

import pickletools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

_KINDS = re.compile(r"[<>|=]?([fiu][1248]|b1)")


class _Array:
    """An array whose content comes later in the file."""

    value: np.ndarray[Any, Any] | None = None


class _Kind:
    """An element type whose byte order comes later in the file."""

    def __init__(self, code: str) -> None:
        if not _KINDS.fullmatch(code):
            raise ValueError(f"arrays of {code!r} are not read")
        self.dtype = np.dtype(code)


_MARK = object()
_VALUES = {
    *("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "INT", "LONG", "FLOAT"),
    *("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "STRING", "BINSTRING", "SHORT_BINSTRING"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
}
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}


def _bytes(value: Any) -> bytes:
    return value.encode("latin-1") if isinstance(value, str) else bytes(value)


def _from_buffer(buffer: Any, kind: _Kind, shape: tuple[int, ...], order: str) -> np.ndarray[Any, Any]:
    flat = np.frombuffer(_bytes(buffer), kind.dtype)
    return flat.reshape(shape, order="F" if order == "F" else "C")


_CALLS: dict[str, Callable[..., Any]] = {
    "multiarray _reconstruct": lambda *_: _Array(),
    "multiarray scalar": lambda kind, data: np.frombuffer(_bytes(data), kind.dtype).reshape(()),
    "numeric _frombuffer": _from_buffer,
    "dtype": lambda code, *_: _Kind(code),
    "_codecs encode": lambda text, *_: _bytes(text),
    "collections OrderedDict": lambda *_: {},
    "ndarray": lambda *_: _Array(),
}


def _call_name(name: str) -> str:
    """The name of a constructor that is understood: numpy has moved its own between versions.

    Raises:
        ValueError: It is another name.
    """
    short = re.sub(r"^numpy(\._?core)?[. ]", "", name)
    if short not in _CALLS:
        raise ValueError(f"it asks for {name!r}, which is not data")
    return short


def _build(target: Any, state: Any) -> None:
    if isinstance(target, _Array):
        _, shape, kind, fortran, data = state
        target.value = _from_buffer(data, kind, shape, "F" if fortran else "C")
    elif isinstance(target, _Kind):
        target.dtype = target.dtype.newbyteorder(">" if state[1] == ">" else "<")
    else:
        raise ValueError("it sets the state of something that is not an array")


def _finish(value: Any) -> Any:
    """Arrays in place of their placeholders, in native byte order."""
    if isinstance(value, dict):
        return {key: _finish(entry) for key, entry in value.items()}
    if isinstance(value, _Array):
        value = value.value
    if isinstance(value, np.ndarray):
        return value.astype(value.dtype.newbyteorder("="))
    return value


def read_arrays(path: Path) -> Any:
    """What the file holds: usually a dictionary with arrays by name under `model`.

    Raises:
        ValueError: The file is damaged, or holds more than data.
    """
    stack: list[Any] = []
    memo: dict[int, Any] = {}

    def since_mark() -> list[Any]:
        start = max(index for index, value in enumerate(stack) if value is _MARK)
        values = stack[start + 1 :]
        del stack[start:]
        return values

    with path.open("rb") as file:
        argument: Any
        for opcode, argument, _ in pickletools.genops(file):
            match opcode.name:
                case name if name in _VALUES:
                    stack.append(argument)
                case name if name in _CONSTANTS:
                    stack.append(_CONSTANTS[name])
                case "PROTO" | "FRAME":
                    pass
                case "MARK":
                    stack.append(_MARK)
                case "EMPTY_DICT":
                    stack.append({})
                case "EMPTY_LIST":
                    stack.append([])
                case "TUPLE":
                    stack.append(tuple(since_mark()))
                case "TUPLE1" | "TUPLE2" | "TUPLE3" as name:
                    count = int(name[-1])
                    stack[-count:] = [tuple(stack[-count:])]
                case "GLOBAL":
                    stack.append(_call_name(argument))
                case "STACK_GLOBAL":
                    stack[-2:] = [_call_name(f"{stack[-2]} {stack[-1]}")]
                case "REDUCE":
                    arguments = stack.pop()
                    stack[-1] = _CALLS[stack[-1]](*arguments)
                case "BUILD":
                    state = stack.pop()
                    _build(stack[-1], state)
                case "SETITEM":
                    entry = stack.pop()
                    key = stack.pop()
                    stack[-1][key] = entry
                case "SETITEMS":
                    pairs = since_mark()
                    stack[-1].update(zip(pairs[::2], pairs[1::2], strict=True))
                case "APPEND":
                    entry = stack.pop()
                    stack[-1].append(entry)
                case "APPENDS":
                    entries = since_mark()
                    stack[-1].extend(entries)
                case "MEMOIZE":
                    memo[len(memo)] = stack[-1]
                case "PUT" | "BINPUT" | "LONG_BINPUT":
                    memo[argument] = stack[-1]
                case "GET" | "BINGET" | "LONG_BINGET":
                    stack.append(memo[argument])
                case "STOP":
                    return _finish(stack.pop())
                case name:
                    raise ValueError(f"instruction {name} is not data")
    raise ValueError("it ends too early")
