"""The posts of a data set at an address: their files are fetched, and read here as any others."""

import contextlib
import urllib.parse
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from dgf.pipeline.errors import UserError
from dgf.pipeline.storage.address import Address, Location
from dgf.pipeline.storage.mirror import Mirror
from dgf.pipeline.storage.remote import RemoteFile, is_plain

_TEXTS = (".txt", ".json", ".jsonl", ".ndjson", ".conll", ".bio", ".csv", ".tsv")
_ENDINGS = (*_TEXTS, *(f"{ending}.gz" for ending in _TEXTS), ".parquet", ".arrow", ".tar")
"""Of files that may be posts or hold some, or are lists of relations beside them."""

_BESIDE = ("relations.json", "ours_rel2id.json", "rel2id.json")
"""Lists of relations that may lie beside a file of posts."""


def bring_posts(where: Location) -> Path:
    """Fetch the posts of a data set: all files of a folder that may be some, or one file and what lies beside it.

    The folders of its photos are made and stay empty, since they tell how the data set is laid out. A path stays as it
    is.

    Returns:
        The folder or file here, to be read in place of the address.

    Raises:
        UserError: It is not there, or cannot be fetched.
    """
    if isinstance(where, Path):
        return where
    mirror = Mirror(where)
    file = mirror.remote.look()  # and not in its parent, which a bucket has not
    if file is not None:
        return _bring_file(where, file, beside=_BESIDE)
    there = mirror.remote.list() if mirror.remote.lists else {}
    if not there:
        if mirror.remote.lists:
            raise UserError(f"{where}: no such file, and no folder with a file in it", "Check the address.")
        hint = f"Over {where.protocol} no folder can be listed: give a file, such as posts.jsonl."
        raise UserError(f"{where}: no such file", hint)
    folders = {str(folder) for name in there for folder in PurePosixPath(name).parents}
    posts = {name: about for name, about in there.items() if name.lower().endswith(_ENDINGS)}
    if both := sorted(folders & posts.keys()):
        raise UserError(f"{where / both[0]}: is a file and a folder at once", "Rename one of them.")
    with mirror.locked(), _as_it_was(mirror):
        mirror.clean()
        for path in mirror.path.rglob("*"):  # what is gone there is no part of the data set
            name = path.relative_to(mirror.path).as_posix()
            if name not in posts and name.lower().endswith(_ENDINGS) and path.is_file():
                path.unlink()
        for folder in folders:
            (mirror.path / folder).mkdir(parents=True, exist_ok=True)
        mirror.fetch_all({name: about for name, about in posts.items() if not mirror.is_fresh(name, about)})
    return mirror.path


def bring_file(address: Address) -> Path:
    """Fetch one file.

    Raises:
        UserError: It is not there, or cannot be fetched.
    """
    file = Mirror(address).remote.look()
    if file is None:
        raise UserError(f"{address}: no such file", "Check the address.")
    return _bring_file(address, file)


@contextlib.contextmanager
def _as_it_was(mirror: Mirror) -> Iterator[None]:
    """Tell of a name that was a folder's when it was fetched and is a file's now, or the other way round."""
    try:
        yield
    except (FileExistsError, IsADirectoryError, NotADirectoryError) as error:
        raise UserError(
            f"{mirror.address}: its copy here has files where it has folders now, or folders where it has files.",
            f"Remove the copy: {mirror.home}.",
        ) from error


def _bring_file(address: Address, file: RemoteFile, beside: tuple[str, ...] = ()) -> Path:
    mirror = Mirror(address.parent)
    name = address.name if mirror.remote.lists else urllib.parse.unquote(address.name)  # which is quoted to be fetched
    if not is_plain(name):
        raise UserError(f"{address}: no file can have this name", "Check the address.")
    with mirror.locked():
        if not mirror.is_fresh(name, file) and not mirror.fetch(name, file):
            raise UserError(f"{address}: is gone", "Check the address.")
        for other in mirror.fetch_all(dict.fromkeys(beside)):
            (mirror.path / other).unlink(missing_ok=True)
    return mirror.path / name
