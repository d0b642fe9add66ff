"""Mutators of files that hold others: gzip, zip, safetensors, pickles, HDF5."""

import gzip
import io
import pickletools
import struct
import zipfile
from collections.abc import Callable
from random import Random
from typing import Any

import h5py
import numpy as np

from .blind import blind, insert_word
from .values import VALUES, mutate_json

_BEGINNING = 4096
"""Bytes at either end of an HDF5 file, where everything but the numbers lies."""


def in_gzip(rng: Random, data: bytes, mutate: Callable[[Random, bytes], bytes]) -> bytes:
    return gzip.compress(mutate(rng, gzip.decompress(data)), 1, mtime=0)


def mutate_zip(rng: Random, data: bytes) -> bytes:
    """A member changed, removed, or twice; all checksums are right again. For files of torch."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = [(info.filename, archive.read(info)) for info in archive.infolist()]
    chosen = rng.randrange(len(members))
    programs = [i for i, (name, _) in enumerate(members) if name.endswith(".pkl")]
    if programs and rng.random() < 0.6:
        chosen = rng.choice(programs)
    name, body = members[chosen]
    match rng.choice(("body", "body", "body", "remove", "rename", "repeat")):
        case "body" if name.endswith(".pkl"):
            members[chosen] = (name, mutate_pickle(rng, body))
        case "body":
            members[chosen] = (name, blind(rng, body, data))
        case "remove":
            del members[chosen]
        case "rename":
            members[chosen] = (rng.choice((f"{name}x", "data.pkl", "../x", f"/{name}", name.upper(), "a/b/c")), body)
        case _:
            members.append((f"{name}.more", body))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED if rng.random() < 0.9 else zipfile.ZIP_DEFLATED) as archive:
        for name, body in members:
            archive.writestr(zipfile.ZipInfo(name), body)
    return buffer.getvalue()


def mutate_pickle(rng: Random, data: bytes) -> bytes:
    """Whole instructions of the first program removed, repeated or moved; or an argument changed."""
    starts = [at for _, _, at in pickletools.genops(data) if at is not None]
    first, other = rng.randrange(len(starts) - 1), rng.randrange(len(starts) - 1)
    a, b = starts[first], starts[first + 1]
    c, d = starts[other], starts[other + 1]
    match rng.choice(("remove", "repeat", "move", "argument", "argument", "opcode")):
        case "remove":
            return data[:a] + data[b:]
        case "repeat":
            return data[:b] + data[a:b] * rng.choice((1, 2, 1000)) + data[b:]
        case "move":
            return data[:a] + data[c:d] + data[a:]
        case "argument":
            return data[: a + 1] + blind(rng, data[a + 1 : b], data[c:d]) + data[b:]
        case _:
            return (
                data[:a]
                + bytes((rng.choice(b"()]}012FIJKLMNQRSTUVXabcdeghijlopqrstu\x80\x81\x85\x86\x87\x88\x8c\x93\x94."),))
                + data[a + 1 :]
            )


def mutate_safetensors(rng: Random, data: bytes) -> bytes:
    """The header, with its length repaired; or that length."""
    (length,) = struct.unpack("<Q", data[:8])
    header, body = data[8 : 8 + length], data[8 + length :]
    if rng.random() < 0.1:
        return struct.pack("<Q", rng.choice((0, 1, length + 1, length - 1, 1 << 30, 1 << 63))) + data[8:]
    header = mutate_json(rng, header) if rng.random() < 0.8 else insert_word(rng, header, b"")
    if rng.random() < 0.3:
        dtype = rng.choice(("F16", "BF16", "F64", "I8", "U8", "BOOL", "F8_E4M3", "F8_E8M0", "F4", "C64", "X"))
        header = header.replace(b'"F32"', f'"{dtype}"'.encode(), rng.choice((1, -1)))
    return struct.pack("<Q", len(header)) + header + body


def mutate_gguf(rng: Random, data: bytes) -> bytes:
    """The key-value part, which comes first."""
    head = data[: min(len(data), 2048)]
    return blind(rng, head, data) + data[len(head) :]


def mutate_hdf5(rng: Random, data: bytes) -> bytes:
    """An attribute or an array replaced through h5py; or the bytes of the structure."""
    if rng.random() < 0.4:
        if rng.random() < 0.5:
            return blind(rng, data[:_BEGINNING], data) + data[_BEGINNING:]
        return data[:-_BEGINNING] + blind(rng, data[-_BEGINNING:], data)
    buffer = io.BytesIO(data)
    with h5py.File(buffer, "r+") as file:
        if rng.random() < 0.5:
            _change_attribute(rng, file)
        else:
            _change_array(rng, file)
    return buffer.getvalue()


def _change_attribute(rng: Random, file: h5py.File) -> None:
    name = rng.choice(sorted(file.attrs))
    old = file.attrs[name]
    del file.attrs[name]
    match rng.choice(("json", "value", "value", "remove", "array", "near")):
        case "json" if isinstance(old, str) and old[:1] in "[{":
            file.attrs[name] = mutate_json(rng, old.encode())[:30_000].decode("utf-8", "replace").replace("\0", "")
        case "value":
            file.attrs[name] = rng.choice(
                (0, 1, -1, 3, 1 << 31, 1 << 40, 2.5, float("nan"), "", "x", "9" * 5000, "[]", "{}")
            )
        case "remove":
            pass
        case "array":
            file.attrs[name] = rng.choice((np.zeros(0), np.zeros((2, 2)), np.array([b"x", b"y"]), h5py.Empty("f4")))
        case _:
            file.attrs[name] = old + 1 if isinstance(old, int | np.integer) else f"{old}x"


def _change_array(rng: Random, file: h5py.File) -> None:
    names: list[str] = []
    file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
    name = rng.choice(names)
    old = file[name]
    values, dtype, shape = old[()], old.dtype, old.shape
    attempt = rng.choice(("remove", "group", "shape", "dtype", "text", "values", "chunks", "big", "link", "scalar"))
    if attempt == "values":
        old[...] = _odd_values(rng, values)
        return
    del file[name]
    options: dict[str, Any] = {"track_times": False}
    match attempt:
        case "group":
            file.create_group(name)
        case "shape":
            file.create_dataset(
                name, shape=rng.choice(((0, *shape[1:]), (len(values) + 1, *shape[1:]), (*shape, 1))), dtype=dtype
            )
        case "dtype":
            file.create_dataset(
                name, shape=shape, dtype=rng.choice(("f8", ">f2", ">i4", "i8", "u1", "f4", h5py.string_dtype()))
            )
        case "text":
            file.create_dataset(
                name, data=[b"\xff\xfe" for _ in range(len(values))], dtype=h5py.string_dtype("utf-8", 2)
            )
        case "chunks":
            file.create_dataset(name, data=values, chunks=True, compression="gzip" if values.ndim else None, **options)
        case "big":
            file.create_dataset(name, shape=(1 << 40,), dtype="f2", chunks=(1 << 20,))
        case "link":
            file[name] = h5py.ExternalLink(rng.choice(("/etc/passwd", "other.h5", "/dev/zero")), "/x")
        case "scalar":
            file.create_dataset(name, data=rng.choice((0.0, 1)))
        case _:
            assert VALUES  # removed


def _odd_values(rng: Random, values: Any) -> Any:
    if values.dtype.kind in "SO":
        return np.array(
            [rng.choice((b"", b"\xff", b"../x", value, values.flat[0])) for value in values.flat], values.dtype
        )
    if values.dtype.kind == "f":
        return np.full(values.shape, rng.choice((np.nan, np.inf, -np.inf, 0, 1e4)), values.dtype)
    return np.full(values.shape, rng.choice((-1, 0, 1, 3, 127, 100)), np.int64).astype(values.dtype)
