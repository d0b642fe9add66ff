"""Read detectron2's `.pkl` of named arrays as data: no name in the file is ever looked up, imported or called.

A pickle is a program. Python's own reader runs it here with two things taken away: every instruction but those that
build dictionaries, lists, tuples, text and numbers, and every name but those of plain numpy arrays, for which it gets
stand-ins made in this file. The reader is the one written in Python: the one in C sets aside as much memory as a file
of ten bytes asks for, and resolves extension codes by itself.
"""

import contextlib
import pickle
import pickletools
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np

_INSTRUCTIONS = (
    *("PROTO", "FRAME", "STOP", "MARK", "GLOBAL", "STACK_GLOBAL", "REDUCE", "BUILD"),
    *("NONE", "NEWTRUE", "NEWFALSE", "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "INT", "LONG", "FLOAT"),
    *("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "STRING", "BINSTRING", "SHORT_BINSTRING"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
    *("EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "EMPTY_LIST", "APPEND", "APPENDS"),
    *("SETITEM", "SETITEMS"),
    *("MEMOIZE", "PUT", "BINPUT", "LONG_BINPUT", "GET", "BINGET", "LONG_BINGET"),
)
_PICKLES_OF_TORCH = 4
"""So many stand one after the other in a file that torch wrote before it wrote ZIP archives."""

_LONGEST_NAME = 4096

_ELEMENTS = re.compile(r"[<>|=]?([fiu][1248]|b1)")


class _Table(dict[Any, Any]):
    """A dictionary by name: hashing a tuple of a million tuples would end the process."""

    __slots__ = ()

    def __setitem__(self, name: Any, value: Any) -> None:
        if not isinstance(name, str | int):
            raise ValueError(f"a dictionary in it has a key that is a {type(name).__name__}")
        super().__setitem__(name, value)


class _Kind:
    """An element type; its byte order may come later in the file."""

    __slots__ = ("dtype",)

    def __init__(self, code: str, *_: Any) -> None:
        if not _ELEMENTS.fullmatch(code):
            raise ValueError(f"arrays of {code!r} are not read")
        self.dtype = np.dtype(code)

    def __setstate__(self, state: Any) -> None:
        self.dtype = self.dtype.newbyteorder(">" if state[1] == ">" else "<")


class _Array:
    """An array; its content may come later in the file."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value: np.ndarray[Any, Any] | None = None

    def __setstate__(self, state: Any) -> None:
        _, shape, kind, fortran, data = state
        self.value = np.frombuffer(_bytes(data), kind.dtype).reshape(shape, order="F" if fortran else "C")


class _Callable:
    """A name that the file may call, and nothing else."""

    __slots__ = ("_make",)

    def __init__(self, make: Callable[..., Any]) -> None:
        self._make = make

    def __call__(self, *arguments: Any) -> Any:
        return self._make(*arguments)

    def __setstate__(self, state: Any) -> None:
        raise ValueError("it sets the state of something that is not an array")


def _bytes(value: Any) -> bytes:
    return value.encode("latin-1") if isinstance(value, str) else value


def _array(data: Any, kind: _Kind, shape: Any = (), order: str = "C") -> _Array:
    array = _Array()
    array.__setstate__((1, shape, kind, order == "F", data))
    return array


_CALLABLES: dict[str, Callable[..., Any]] = {
    "multiarray _reconstruct": lambda *_: _Array(),
    "multiarray scalar": lambda kind, data: _array(data, kind),
    "numeric _frombuffer": _array,
    "dtype": _Kind,
    "ndarray": lambda *_: _Array(),  # named as an argument of `_reconstruct`
    "_codecs encode": lambda text, *_: _bytes(text),
    "collections OrderedDict": lambda *_: _Table(),
}


def _refuse(_: Any) -> None:
    raise ValueError("it holds an instruction that is not data")


class _ArrayReader(pickle._Unpickler):
    dispatch = (
        dict.fromkeys(range(256), _refuse)
        | {getattr(pickle, name)[0]: pickle._Unpickler.dispatch[getattr(pickle, name)[0]] for name in _INSTRUCTIONS}
        | {pickle.EMPTY_DICT[0]: lambda reader: reader.append(_Table())}
        # Like bytes, since its own way sets aside as much memory as the file says.
        | {pickle.BYTEARRAY8[0]: pickle._Unpickler.dispatch[pickle.BINBYTES8[0]]}
    )

    def find_class(self, module: str, name: str) -> _Callable:
        # numpy has moved its own between versions
        short = re.sub(r"^numpy(\._?core)?[. ]", "", f"{module} {name}")
        if short not in _CALLABLES:
            raise ValueError(f"it asks for {module}.{name}, which is not data")
        return _Callable(_CALLABLES[short])


def check_names(path: Path) -> None:
    """Refuse a file of torch that asks for a name longer than any real one: torch would search it without end.

    Raises:
        ValueError: It does, or its instructions cannot be followed.
    """
    with contextlib.ExitStack() as opened:
        if zipfile.is_zipfile(path):
            archive = opened.enter_context(zipfile.ZipFile(path))
            parts: list[IO[bytes]] = [archive.open(name) for name in archive.namelist() if name.endswith("data.pkl")]
        else:
            parts = [opened.enter_context(path.open("rb"))] * _PICKLES_OF_TORCH
        for part in parts:
            for instruction, argument, _ in pickletools.genops(part):
                if instruction.name == "GLOBAL" and len(str(argument)) > _LONGEST_NAME:
                    raise ValueError("it asks for a name that is none")


def read_arrays(path: Path) -> Any:
    """Read what a file holds: usually a dictionary with arrays by name under `model`.

    Raises:
        Exception: Whatever the damaged byte led to; a ValueError where the file holds more than data.
    """
    with path.open("rb") as file:
        try:
            content = _ArrayReader(file, encoding="latin-1").load()
        except EOFError as error:
            raise ValueError("it ends too early") from error
        except pickle.UnpicklingError as error:
            raise ValueError("it is damaged") from error
    finished: dict[int, Any] = {}  # by identity: what a file names many times is made once
    room = path.stat().st_size

    def finish(value: Any) -> Any:
        """Arrays in place of their stand-ins, in native byte order."""
        nonlocal room
        if isinstance(value, _Table | _Array) and id(value) not in finished:
            if isinstance(value, _Table):
                finished[id(value)] = {key: finish(entry) for key, entry in value.items()}
            elif value.value is not None:
                room -= value.value.nbytes
                if room < 0:
                    raise ValueError("its arrays are larger than the file")
                finished[id(value)] = value.value.astype(value.value.dtype.newbyteorder("="))
        return finished.get(id(value), value)

    return finish(content)
