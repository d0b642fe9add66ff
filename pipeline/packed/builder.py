"""Which file of many holds a photo: an id goes through it as through a folder, `posts.tar/0001.jpg`."""

import math
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from pathlib import Path

from dgf.pipeline.packed.base import Pack, PackedError, status_of
from dgf.pipeline.packed.parquet import ParquetTable
from dgf.pipeline.packed.tar import TarIndex, read_tar_index

_KINDS: dict[str, Callable[[Path], Pack]] = {".tar": read_tar_index, ".parquet": ParquetTable}

_MOST_FILES = 100_000
_MOST_OPEN = 128
"""Files whose members are known at once: some 5 MB each, where they hold 30,000."""

_BRACES = re.compile(r"\{(\d{1,9})\.\.(\d{1,9})\}")


@dataclass(frozen=True, slots=True)
class PackedPhoto:
    """A photo within another file."""

    file: Path
    name: str

    def fault(self) -> str | None:
        """Say why it cannot be read; None where it can, as far as is known without reading it."""
        try:
            return _open_pack(self.file).fault_of(self.name)
        except PackedError as error:
            return f"{self.file.name}: {error}"

    def read(self, limit: int) -> bytes:
        """Read at most its first `limit` bytes.

        Raises:
            PackedError: It cannot be read.
        """
        return _open_pack(self.file).read(self.name, limit)


def packs_on_the_way(name: str) -> tuple[str, ...]:
    """Names of files that may hold what has this name, the shortest first: of `a/b.tar/c.jpg` it is `a/b.tar`."""
    parts = name.split("/")
    ways = ("/".join(parts[:count]) for count in range(1, len(parts)))
    return tuple(way for way in ways if Path(way).suffix.lower() in _KINDS)


def find_packed(folder: str, parts: Sequence[str]) -> PackedPhoto | None:
    """Find the file that the first parts of a path lead to, where it holds others; None where they lead to none.

    The file itself may be a link to elsewhere, as those of the Hugging Face hub are; the folders on the way may not.
    """
    name = "/".join(parts)
    for way in packs_on_the_way(name):
        file = Path(folder, way)
        if file.is_file():
            inside = Path(os.path.realpath(file.parent)).is_relative_to(folder)
            return PackedPhoto(file, name.removeprefix(f"{way}/")) if inside else None
    return None


def open_tar(path: Path) -> TarIndex:
    """Open a tar file, which is looked through once as long as it is the same.

    Raises:
        PackedError: It cannot be opened, or is no uncompressed tar file.
    """
    pack = _open_pack(path)
    assert isinstance(pack, TarIndex)
    return pack


def tar_files(pattern: Path) -> list[Path]:
    """The files that a name stands for: itself, or those of `shard-{000..003}.tar` or `shard-*.tar` in their order.

    A `*` is any number, so that `train-*.tar` takes no file of `train-other-*.tar`.

    Raises:
        PackedError: The braces stand for too many files, or for one that is not there.
    """
    if pattern.exists():
        return [pattern]
    if "*" in pattern.name:
        names = sorted(os.listdir(pattern.parent)) if pattern.parent.is_dir() else []
        numbered = re.compile(re.escape(pattern.name).replace(r"\*", r"\d+"))
        return [pattern.parent / name for name in names if numbered.fullmatch(name)]
    literal, *rest = _BRACES.split(pattern.name)
    if not rest:
        return []
    ranges = [range(int(first), int(last) + 1) for first, last in zip(rest[::3], rest[1::3], strict=True)]
    if math.prod(map(len, ranges)) > _MOST_FILES:
        raise PackedError(f"{pattern.name} stands for more than {_MOST_FILES:,} files")
    parts: list[list[str]] = [[literal]]
    for numbers, first, behind in zip(ranges, rest[::3], rest[2::3], strict=True):
        parts += [[f"{number:0{len(first)}d}" for number in numbers], [behind]]
    files = [pattern.parent / "".join(words) for words in product(*parts)]
    if (lacking := next((file for file in files if not file.is_file()), None)) is not None:
        raise PackedError(f"{lacking.name} is not there")
    return files


def _open_pack(path: Path) -> Pack:
    status = status_of(path)
    opened = _opened(path, status.st_size, status.st_mtime_ns)
    if isinstance(opened, str):
        raise PackedError(opened)
    return opened


@lru_cache(maxsize=_MOST_OPEN)
def _opened(path: Path, size: int, modified: int) -> Pack | str:
    """A file of many as it is now, or why it never can be read: its size and time make another one of a changed one."""
    try:
        return _KINDS[path.suffix.lower()](path)
    except PackedError as error:
        if not error.lasting:
            raise
        return str(error)
