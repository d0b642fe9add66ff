"""The photos of a data set at an address: fetched when they are first wanted, and read here as any others."""

import contextlib
import errno
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from dgf.pipeline.errors import UserError
from dgf.pipeline.packed import packs_on_the_way
from dgf.pipeline.photos import MAX_BYTES, ImageError, digest, read_bytes, resolve_photo
from dgf.pipeline.posts import Dataset
from dgf.pipeline.storage.address import Address
from dgf.pipeline.storage.mirror import Mirror
from dgf.pipeline.storage.remote import RemoteFile, is_plain

_AT_ONCE = 16

_NO_NAME = (errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR, errno.EEXIST)


def photos_address(source: Address, dataset: Dataset) -> Address:
    """The address of the folder of photos of a data set that was read from `source`.

    Raises:
        UserError: It lies outside what the address names.
    """
    base, address = (dataset.root.parent, source.parent) if dataset.root.is_file() else (dataset.root, source)
    if not dataset.image_root.is_relative_to(base):
        raise UserError(f"{source}: its photos lie in another folder", "Give the address of the whole data set.")
    within = dataset.image_root.relative_to(base).as_posix()
    return address if within == "." else address / within


def bring_named(address: Address, dataset: Dataset, fetched: Callable[[], object] = lambda: None) -> Dataset:
    """Fetch, of each post's photo, the first that is there under any of its ids.

    Args:
        address: Of the folder of the photos.
        dataset: The posts.
        fetched: Called as each photo is here.

    Returns:
        The data set with the folder of the fetched photos as its own. Photos that are not at the address are not there.

    Raises:
        UserError: The address cannot be read.
    """
    mirror = Mirror(address)
    wanted = dict.fromkeys(post.image_ids for post in dataset.posts if post.image_ids)
    with mirror.locked():
        mirror.clean()
        # Beside one file of posts there may be anything, such as a whole bucket: it is not listed.
        there = mirror.remote.list() if dataset.root.is_dir() else None
        look = mirror.remote.look if there is None else there.get

        def bring(ids: tuple[str, ...]) -> None:
            for name in _names(ids):
                if not packs.isdisjoint(packs_on_the_way(name)):
                    if _is_packed(mirror, name):
                        break
                    continue
                about = look(name)
                if _forget(mirror, name) if about is None else _bring_photo(mirror, name, about):
                    break
            fetched()

        packs = _bring_packs(mirror, (name for ids in wanted for name in _names(ids)), look)
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(bring, wanted))
    return replace(dataset, image_root=mirror.path)


def bring_planned(address: Address, photos: Mapping[str, str]) -> Path:
    """Fetch photos by id that are not here with the SHA-256 they are planned with; returns their folder here.

    One that is not at the address, or has changed there, is left for its reader to find so.

    Raises:
        UserError: The address cannot be read.
    """
    mirror = Mirror(address)
    mirror.path.mkdir(parents=True, exist_ok=True)

    def lacks(image_id: str) -> bool:
        try:
            return digest(read_bytes(mirror.path, image_id)) != photos[image_id]
        except ImageError:
            return True

    def bring(name: str) -> None:
        if packs.isdisjoint(packs_on_the_way(name)):
            with _unless_no_name():
                mirror.fetch(name, limit=MAX_BYTES)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        lacking = [image_id for image_id, lacked in zip(photos, pool.map(lacks, photos), strict=True) if lacked]
        names = list(_names(lacking))
        if names:
            with mirror.locked():  # one process here fetches a large file for all
                packs = _bring_packs(mirror, names, mirror.remote.look)
        list(pool.map(bring, names))
    return mirror.path


def _bring_packs(mirror: Mirror, names: Iterable[str], look: Callable[[str], RemoteFile | None]) -> frozenset[str]:
    """Fetch the files that names lead through, where they are not here as they are there; returns which there are."""
    found: set[str] = set()
    for pack in dict.fromkeys(pack for name in names for pack in packs_on_the_way(name)):
        about = look(pack)
        if about is None:
            continue
        found.add(pack)
        if not mirror.is_fresh(pack, about):
            mirror.fetch(pack, about)
    return frozenset(found)


def _is_packed(mirror: Mirror, name: str) -> bool:
    """Whether a photo is in a file that was fetched."""
    try:
        resolve_photo(mirror.path, name)
    except ImageError:
        return False
    return True


def _names(image_ids: Iterable[str]) -> Iterator[str]:
    """Names below the folder that ids mean, without those that lead elsewhere: these are not fetched."""
    for image_id in image_ids:
        name = "/".join(part for part in image_id.split("/") if part not in ("", "."))
        if "://" not in image_id and not image_id.startswith("/") and not image_id.endswith("/") and is_plain(name):
            yield name


def _bring_photo(mirror: Mirror, name: str, about: RemoteFile) -> bool:
    """Fetch a photo that is not here as it is there; False where it is not there, or no file can have its name."""
    if mirror.is_fresh(name, about):
        return True
    small = about.size is not None and about.size <= MAX_BYTES
    with _unless_no_name():
        return mirror.fetch(name, about, limit=None if small else MAX_BYTES)
    return False


def _forget(mirror: Mirror, name: str) -> bool:
    """Remove the copy of a photo that is not at the address any more."""
    with contextlib.suppress(FileNotFoundError), _unless_no_name():
        (mirror.path / name).unlink()
    return False


@contextlib.contextmanager
def _unless_no_name() -> Iterator[None]:
    """Pass over a name that no file here can have: too long, or below what is a file itself."""
    try:
        yield
    except OSError as error:
        if error.errno not in _NO_NAME:
            raise
